tile 8
  settl t1, t0, last
  recv.t1 b0, c0
  norm.t1 b1, b0, t0, 1e-5
  mvm.t1 b2, b1, g0
  out.t1 b2, logits, 0
  halt
    b0 = f32 128 depth 4
    b1 = q8 128 sym depth 4
    t0 = f32 1x256
    b2 = f32 512 depth 4
    g0 = 128x512 in 4 blocks
