tile 0
  in b0, input_ids
  gather b1, b0, t0
  in b2, token_type_ids
  gather b3, b2, t1
  ew2 b4, b1, b3, add
  posrow b5, t2
  ew2 b6, b4, b5, add
  norm b7, b6, t3, 1e-12
  mvm b8, b7, g0
  send b8, c0
  copy b9, b8
  send b9, c1
  halt
    b0 = i32 1 depth 4
    b1 = f32 128 depth 4
    t0 = f32 591x128
    b2 = i32 1 depth 4
    b3 = f32 128 depth 4
    t1 = f32 2x128
    b4 = f32 128 depth 4
    b5 = f32 128 depth 4
    t2 = f32 512x128
    b6 = f32 128 depth 4
    b7 = q8 128 sym depth 4
    t3 = f32 1x256
    b8 = f32 256 depth 4
    g0 = 128x256 in 2 blocks
    b9 = q8 256 sym depth 4
tile 5
  recv b0, c2
  mvm b1, b0, g0
  ew1 b2, b1, gelu
  norm b3, b2, t0, 1e-12
  mvm b4, b3, g1
  out b4, logits, 0
  halt
    b0 = q8 256 depth 4
    b1 = f32 128 depth 4
    g0 = 256x128 in 2 blocks
    b2 = f32 128 depth 4
    b3 = q8 128 sym depth 4
    t0 = f32 1x256
    b4 = f32 591 depth 4
    g1 = 128x591 in 5 blocks
tile 1
  recv b0, c0
  mvm b1, b0, g0
  send b1[0..255], c1
  send b1[256..511], c2
    b0 = q8 256 depth 4
    b1 = f32 512 depth 4
    g0 = 256x512 in 8 blocks
tile 2
  recv b0, c3
  copy b1, b0
  mvm b2[256..511], b1, g0
  recv b2[0..255], c2
  kvw b2, r0, b3
  recv b4, c1
  query b5, b4, r0
  copy b6, b5
  mvm b7, b6, g1
  ew2 b8, b0, b7, add
  norm b9, b8, t0, 1e-12
  send b9, c4
  copy b10, b9
  send b10, c5
    b0 = f32 256 depth 512 in mem
    b1 = q8 256 sym depth 4
    b2 = f32 512 depth 4
    g0 = 256x256 in 4 blocks
    r0 = mode=all n_kv=8 q_per_kv=1 d=32 dv=32 slots=512 scale=0.17677669 sub_tile=64
    b3 = i32 1 depth 512
    b4 = f32 256 depth 512 in mem
    b5 = f32 256 depth 4
    b6 = q8 256 static depth 4
    b7 = f32 256 depth 4
    g1 = 256x256 in 4 blocks
    b8 = f32 256 depth 4
    b9 = f32 256 depth 4
    t0 = f32 1x512
    b10 = q8 256 sym depth 4
tile 3
  recv b0, c5
  mvm b1, b0, g0
  ew1 b2, b1, gelu
  send b2, c6
    b0 = q8 256 depth 4
    b1 = f32 512 depth 4
    g0 = 256x512 in 8 blocks
    b2 = q8 512 static depth 4
tile 4
  recv b0, c6
  mvm b1, b0, g0
  recv b2, c4
  ew2 b3, b2, b1, add
  norm b4, b3, t0, 1e-12
  send b4, c7
  copy b5, b4
  send b5, c8
    b0 = q8 512 depth 4
    b1 = f32 256 depth 4
    g0 = 512x256 in 8 blocks
    b2 = f32 256 depth 4
    b3 = f32 256 depth 4
    b4 = f32 256 depth 4
    t0 = f32 1x512
    b5 = q8 256 sym depth 4
