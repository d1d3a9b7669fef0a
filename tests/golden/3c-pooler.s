tile 5
  recv b0, c0
  copy b1, b0
  mvm b2, b1, g0
  ew1 b3, b2, gelu
  mvm b4, b3, g1
  ew2 b5, b0, b4, add
  norm b6, b5, t0, 1e-12
  settl t1, t0, one
  pick.t1 b7, b6
  copy.t1 b8, b7
  send.t1 b8, c1
  halt
    b0 = f32 128 depth 4
    b1 = q8 128 sym depth 4
    b2 = f32 512 depth 4
    g0 = 128x512 in 4 blocks
    b3 = q8 512 static depth 4
    b4 = f32 128 depth 4
    g1 = 512x128 in 4 blocks
    b5 = f32 128 depth 4
    b6 = f32 128 depth 128 in mem
    t0 = f32 1x256
    b7 = f32 128 depth 4
    b8 = q8 128 sym depth 4
tile 6
  settl t1, t0, one
  recv.t1 b0, c1
  mvm.t1 b1, b0, g0
  ew1.t1 b2, b1, tanh
  mvm.t1 b3, b2, g1
  out.t1 b3, logits, 0
  halt
    b0 = q8 128 depth 4
    b1 = f32 128 depth 4
    g0 = 128x128 in 1 block
    b2 = q8 128 static depth 4
    b3 = f32 2 depth 4
    g1 = 128x2 in 1 block
