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
  norm.rms b13, b12, t4, 1e-5
  mvm b14, b13, g4
  rope b14[0..63], b14[0..63], t2, 8, 8
  rope b14[64..95], b14[64..95], t2, 4, 8
  attn b15, b14[0..63], b14[64..127], r1
  copy b16, b15
  mvm b17, b16, g5
  ew2 b18, b12, b17, add
  norm.rms b19, b18, t5, 1e-5
  mvm b20, b19, g6
  ew2 b21, b20[0..171], b20[172..343], silu_mul
  mvm b22, b21, g7
  ew2 b23, b18, b22, add
  norm.rms b24, b23, t6, 1e-5
  mvm b25, b24, g8
  rope b25[0..63], b25[0..63], t2, 8, 8
  rope b25[64..95], b25[64..95], t2, 4, 8
  attn b26, b25[0..63], b25[64..127], r2
  copy b27, b26
  mvm b28, b27, g9
  ew2 b29, b23, b28, add
  norm.rms b30, b29, t7, 1e-5
  mvm b31, b30, g10
  ew2 b32, b31[0..171], b31[172..343], silu_mul
  mvm b33, b32, g11
  ew2 b34, b29, b33, add
  norm.rms b35, b34, t8, 1e-5
  mvm b36, b35, g12
  rope b36[0..63], b36[0..63], t2, 8, 8
  rope b36[64..95], b36[64..95], t2, 4, 8
  attn b37, b36[0..63], b36[64..127], r3
  copy b38, b37
  mvm b39, b38, g13
  ew2 b40, b34, b39, add
  norm.rms b41, b40, t9, 1e-5
  mvm b42, b41, g14
  ew2 b43, b42[0..171], b42[172..343], silu_mul
  mvm b44, b43, g15
  ew2 b45, b40, b44, add
  norm.rms b46, b45, t10, 1e-5
  mvm b47, b46, g16
  rope b47[0..63], b47[0..63], t2, 8, 8
  rope b47[64..95], b47[64..95], t2, 4, 8
  attn b48, b47[0..63], b47[64..127], r4
  copy b49, b48
  mvm b50, b49, g17
  ew2 b51, b45, b50, add
  norm.rms b52, b51, t11, 1e-5
  mvm b53, b52, g18
  ew2 b54, b53[0..171], b53[172..343], silu_mul
  mvm b55, b54, g19
  ew2 b56, b51, b55, add
  norm.rms b57, b56, t12, 1e-5
  mvm b58, b57, g20
  out b58, logits, 0
  halt
    b0 = i32 1 depth 4
    b1 = f32 64 depth 4
    t0 = f32 512x64
    b2 = q8 64 asym depth 4
    t1 = f32 1x64
    b3 = f32 128 depth 4
    g0 = 64x128 in 1 block
    t2 = f32 512x8
    b4 = f32 64 depth 4
    r0 = n_kv=4 q_per_kv=2 d=8 dv=8 slots=512 scale=0.35355338 sub_tile=64
    b5 = q8 64 asym depth 4
    b6 = f32 64 depth 4
    g1 = 64x64 in 1 block
    b7 = f32 64 depth 4
    b8 = q8 64 asym depth 4
    t3 = f32 1x64
    b9 = f32 344 depth 4
    g2 = 64x344 in 1 block
    b10 = q8 172 asym depth 4
    b11 = f32 64 depth 4
    g3 = 172x64 in 1 block
    b12 = f32 64 depth 4
    b13 = q8 64 asym depth 4
    t4 = f32 1x64
    b14 = f32 128 depth 4
    g4 = 64x128 in 1 block
    b15 = f32 64 depth 4
    r1 = n_kv=4 q_per_kv=2 d=8 dv=8 slots=512 scale=0.35355338 sub_tile=64
    b16 = q8 64 asym depth 4
    b17 = f32 64 depth 4
    g5 = 64x64 in 1 block
    b18 = f32 64 depth 4
    b19 = q8 64 asym depth 4
    t5 = f32 1x64
    b20 = f32 344 depth 4
    g6 = 64x344 in 1 block
    b21 = q8 172 asym depth 4
    b22 = f32 64 depth 4
    g7 = 172x64 in 1 block
    b23 = f32 64 depth 4
    b24 = q8 64 asym depth 4
    t6 = f32 1x64
    b25 = f32 128 depth 4
    g8 = 64x128 in 1 block
    b26 = f32 64 depth 4
    r2 = n_kv=4 q_per_kv=2 d=8 dv=8 slots=512 scale=0.35355338 sub_tile=64
    b27 = q8 64 asym depth 4
    b28 = f32 64 depth 4
    g9 = 64x64 in 1 block
    b29 = f32 64 depth 4
    b30 = q8 64 asym depth 4
    t7 = f32 1x64
    b31 = f32 344 depth 4
    g10 = 64x344 in 1 block
    b32 = q8 172 asym depth 4
    b33 = f32 64 depth 4
    g11 = 172x64 in 1 block
    b34 = f32 64 depth 4
    b35 = q8 64 asym depth 4
    t8 = f32 1x64
    b36 = f32 128 depth 4
    g12 = 64x128 in 1 block
    b37 = f32 64 depth 4
    r3 = n_kv=4 q_per_kv=2 d=8 dv=8 slots=512 scale=0.35355338 sub_tile=64
    b38 = q8 64 asym depth 4
    b39 = f32 64 depth 4
    g13 = 64x64 in 1 block
    b40 = f32 64 depth 4
    b41 = q8 64 asym depth 4
    t9 = f32 1x64
    b42 = f32 344 depth 4
    g14 = 64x344 in 1 block
    b43 = q8 172 asym depth 4
    b44 = f32 64 depth 4
    g15 = 172x64 in 1 block
    b45 = f32 64 depth 4
    b46 = q8 64 asym depth 4
    t10 = f32 1x64
    b47 = f32 128 depth 4
    g16 = 64x128 in 1 block
    b48 = f32 64 depth 4
    r4 = n_kv=4 q_per_kv=2 d=8 dv=8 slots=512 scale=0.35355338 sub_tile=64
    b49 = q8 64 asym depth 4
    b50 = f32 64 depth 4
    g17 = 64x64 in 1 block
    b51 = f32 64 depth 4
    b52 = q8 64 asym depth 4
    t11 = f32 1x64
    b53 = f32 344 depth 4
    g18 = 64x344 in 1 block
    b54 = q8 172 asym depth 4
    b55 = f32 64 depth 4
    g19 = 172x64 in 1 block
    b56 = f32 64 depth 4
    b57 = q8 64 asym depth 4
    t12 = f32 1x64
    b58 = f32 512 depth 4
    g20 = 64x512 in 1 block
