tile 0
  in b0, input_ids
  gather b1, b0, t0
  norm.rms b2, b1, t1, 1e-5
  mvm b3, b2, g0
  rope b3[0..63], b3[0..63], t2, 8, 8
  rope b3[64..95], b3[64..95], t2, 4, 8
  attn b4, b3[0..63], b3[64..127], r0
  copy b5, b4
  mvm b6, b5, g1
  ew2 b7, b1, b6, add
  norm.rms b8, b7, t3, 1e-5
  mvm b9, b8, g2
  ew2 b10, b9[0..171], b9[172..343], silu_mul
  mvm b11, b10, g3
  ew2 b12, b7, b11, add
  send b12, c0
  halt
    b0 = i32 1 depth 4
    b1 = f32 64 depth 4
    t0 = f32 512x64
    b2 = q8 64 sym depth 4
    t1 = f32 1x64
    b3 = f32 128 depth 4
    g0 = 64x128 in 1 block
    t2 = f32 512x8
    b4 = f32 64 depth 4
    r0 = n_kv=4 q_per_kv=2 d=8 dv=8 slots=512 scale=0.35355338 sub_tile=64
    b5 = q8 64 static depth 4
    b6 = f32 64 depth 4
    g1 = 64x64 in 1 block
    b7 = f32 64 depth 4
    b8 = q8 64 sym depth 4
    t3 = f32 1x64
    b9 = f32 344 depth 4
    g2 = 64x344 in 3 blocks
    b10 = q8 172 static depth 4
    b11 = f32 64 depth 4
    g3 = 172x64 in 2 blocks
    b12 = f32 64 depth 4
tile 1
  recv b0, c0
  norm.rms b1, b0, t0, 1e-5
  mvm b2, b1, g0
  rope b2[0..63], b2[0..63], t1, 8, 8
  rope b2[64..95], b2[64..95], t1, 4, 8
  attn b3, b2[0..63], b2[64..127], r0
  copy b4, b3
  mvm b5, b4, g1
  ew2 b6, b0, b5, add
  norm.rms b7, b6, t2, 1e-5
  mvm b8, b7, g2
  ew2 b9, b8[0..171], b8[172..343], silu_mul
  mvm b10, b9, g3
  ew2 b11, b6, b10, add
  send b11, c1
  halt
    b0 = f32 64 depth 4
    b1 = q8 64 sym depth 4
    t0 = f32 1x64
    b2 = f32 128 depth 4
    g0 = 64x128 in 1 block
    t1 = f32 512x8
    b3 = f32 64 depth 4
    r0 = n_kv=4 q_per_kv=2 d=8 dv=8 slots=512 scale=0.35355338 sub_tile=64
    b4 = q8 64 static depth 4
    b5 = f32 64 depth 4
    g1 = 64x64 in 1 block
    b6 = f32 64 depth 4
    b7 = q8 64 sym depth 4
    t2 = f32 1x64
    b8 = f32 344 depth 4
    g2 = 64x344 in 3 blocks
    b9 = q8 172 static depth 4
    b10 = f32 64 depth 4
    g3 = 172x64 in 2 blocks
    b11 = f32 64 depth 4
tile 5
  recv b0, c2
  norm.rms b1, b0, t0, 1e-5
  mvm b2, b1, g0
  out b2, logits, 0
  halt
    b0 = f32 64 depth 4
    b1 = q8 64 sym depth 4
    t0 = f32 1x64
    b2 = f32 512 depth 4
    g0 = 64x512 in 4 blocks
