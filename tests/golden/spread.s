tile 2
  recv b0, c0
  norm b1, b0, t0, 1e-5
  send b1, c1
  mvm b2, b1, g0
  ew1 b3, b2, gelu_tanh
  red b4, b3, absmax
  send b4, c2
  recv b5, c3
  copy b6, b3, b5
  send b6, c4
  halt
    b0 = f32 128 depth 4
    b1 = q8 128 sym depth 4
    t0 = f32 1x256
    b2 = f32 256 depth 4
    g0 = 128x256 in 2 blocks
    b3 = f32 256 depth 4
    b4 = f32 1 depth 4
    b5 = f32 1 depth 4
    b6 = q8 256 sym depth 4
tile 3
  recv b0, c1
  mvm b1, b0, g0
  ew1 b2, b1, gelu_tanh
  red b3[1..1], b2, absmax
  recv b3[0..0], c2
  red b4, b3, absmax
  send b4, c3
  copy b5, b2, b4
  send b5, c5
  halt
    b0 = q8 128 depth 4
    b1 = f32 256 depth 4
    g0 = 128x256 in 2 blocks
    b2 = f32 256 depth 4
    b3 = f32 2 depth 4
    b4 = f32 1 depth 4
    b5 = q8 256 sym depth 4
