tile 0
  in b0, input_ids
  gather b1, b0, t0
  posrow b2, t1
  ew2 b3, b1, b2, add
  norm b4, b3, t2, 1e-5
  mvm b5, b4, g0
  attn b6, b5[0..127], b5[128..383], r0
  copy b7, b6
  mvm b8, b7, g1
  ew2 b9, b3, b8, add
  send b9, c0
  halt
    b0 = i32 1 depth 4
    b1 = f32 128 depth 4
    t0 = f32 512x128
    b2 = f32 128 depth 4
    t1 = f32 256x128
    b3 = f32 128 depth 4
    b4 = q8 128 sym depth 4
    t2 = f32 1x256
    b5 = f32 384 depth 4
    g0 = 128x384 in 3 blocks
    b6 = f32 128 depth 4
    r0 = n_kv=2 q_per_kv=1 d=64 dv=64 slots=256 scale=0.125 sub_tile=64
    b7 = q8 128 static depth 4
    b8 = f32 128 depth 4
    g1 = 128x128 in 1 block
    b9 = f32 128 depth 4
tile 1
  recv b0, c0
  norm b1, b0, t0, 1e-5
  mvm b2, b1, g0
  ew1 b3, b2, gelu_tanh
  mvm b4, b3, g1
  ew2 b5, b0, b4, add
  send b5, c1
  halt
    b0 = f32 128 depth 4
    b1 = q8 128 sym depth 4
    t0 = f32 1x256
    b2 = f32 512 depth 4
    g0 = 128x512 in 4 blocks
    b3 = q8 512 static depth 4
    b4 = f32 128 depth 4
    g1 = 512x128 in 4 blocks
    b5 = f32 128 depth 4
tile 8
  recv b0, c2
  norm b1, b0, t0, 1e-5
  mvm b2, b1, g0
  out b2, logits, 0
  halt
    b0 = f32 128 depth 4
    b1 = q8 128 sym depth 4
    t0 = f32 1x256
    b2 = f32 512 depth 4
    g0 = 128x512 in 4 blocks
