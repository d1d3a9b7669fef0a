tile 0
  in b0, input
  copy b1, b0
  mvm b2, b1, g0
  settl t1, t0, prefix, 1
  prefix.t1 b3, b2, t0
  posrow.t1 b4, t1
  ew2.t1 b5, b3, b4, add
  ewt.t1 b6, b5, t2, mul
  mvm.t1 b7, b6, g1
  kvw.t1 b7[48..143], r0
  query.t1 b8, b7[0..47], r0
  copy.t1 b9, b8
  mvm.t1 b10, b9, g2
  ew2.t1 b11, b5, b10, add
  ewt.t1 b12, b11, t3, mul
  mvm.t1 b13, b12, g3
  ew1.t1 b14, b13, relu
  mvm.t1 b15, b14, g4
  ew2.t1 b16, b11, b15, add
  send.t1 b16, c0
  halt
    b0 = f32 192 depth 4
    b1 = q8 192 sym depth 4
    b2 = f32 48 depth 4
    g0 = 192x48 in 2 blocks
    b3 = f32 48 depth 4
    t0 = f32 1x48
    b4 = f32 48 depth 4
    t1 = f32 17x48
    b5 = f32 48 depth 17
    b6 = q8 48 sym depth 4
    t2 = f32 1x48
    b7 = f32 144 depth 17
    g1 = 48x144 in 2 blocks
    r0 = mode=all dom=t1 n_kv=3 q_per_kv=1 d=16 dv=16 slots=17 scale=0.25 sub_tile=64
    b8 = f32 48 depth 4
    b9 = q8 48 static depth 4
    b10 = f32 48 depth 4
    g2 = 48x48 in 1 block
    b11 = f32 48 depth 4
    b12 = q8 48 sym depth 4
    t3 = f32 1x48
    b13 = f32 96 depth 4
    g3 = 48x96 in 1 block
    b14 = q8 96 static depth 4
    b15 = f32 48 depth 4
    g4 = 96x48 in 1 block
    b16 = f32 48 depth 4
tile 1
  settl t1, t0, prefix, 1
  recv.t1 b0, c0
  ewt.t1 b1, b0, t0, mul
  mvm.t1 b2, b1, g0
  kvw.t1 b2[48..143], r0
  query.t1 b3, b2[0..47], r0
  copy.t1 b4, b3
  mvm.t1 b5, b4, g1
  ew2.t1 b6, b0, b5, add
  ewt.t1 b7, b6, t1, mul
  mvm.t1 b8, b7, g2
  ew1.t1 b9, b8, relu
  mvm.t1 b10, b9, g3
  ew2.t1 b11, b6, b10, add
  ewt.t1 b12, b11, t2, mul
  mvm.t1 b13, b12, g4
  kvw.t1 b13[48..143], r1
  query.t1 b14, b13[0..47], r1
  copy.t1 b15, b14
  mvm.t1 b16, b15, g5
  ew2.t1 b17, b11, b16, add
  send.t1 b17, c1
  halt
    b0 = f32 48 depth 17
    b1 = q8 48 sym depth 4
    t0 = f32 1x48
    b2 = f32 144 depth 17
    g0 = 48x144 in 2 blocks
    r0 = mode=all dom=t1 n_kv=3 q_per_kv=1 d=16 dv=16 slots=17 scale=0.25 sub_tile=64
    b3 = f32 48 depth 4
    b4 = q8 48 static depth 4
    b5 = f32 48 depth 4
    g1 = 48x48 in 1 block
    b6 = f32 48 depth 4
    b7 = q8 48 sym depth 4
    t1 = f32 1x48
    b8 = f32 96 depth 4
    g2 = 48x96 in 1 block
    b9 = q8 96 static depth 4
    b10 = f32 48 depth 4
    g3 = 96x48 in 1 block
    b11 = f32 48 depth 17
    b12 = q8 48 sym depth 4
    t2 = f32 1x48
    b13 = f32 144 depth 17
    g4 = 48x144 in 2 blocks
    r1 = mode=all dom=t1 n_kv=3 q_per_kv=1 d=16 dv=16 slots=17 scale=0.25 sub_tile=64
    b14 = f32 48 depth 4
    b15 = q8 48 static depth 4
    b16 = f32 48 depth 4
    g5 = 48x48 in 1 block
    b17 = f32 48 depth 4
tile 2
  settl t1, t0, prefix, 1
  recv.t1 b0, c1
  ewt.t1 b1, b0, t0, mul
  mvm.t1 b2, b1, g0
  ew1.t1 b3, b2, relu
  mvm.t1 b4, b3, g1
  ew2.t1 b5, b0, b4, add
  settl t2, t0, one
  rred.t2 b6, b5, mean
  ewt.t2 b7, b6, t1, mul
  mvm.t2 b8, b7, g2
  out.t2 b8, output, 0
  halt
    b0 = f32 48 depth 4
    b1 = q8 48 sym depth 4
    t0 = f32 1x48
    b2 = f32 96 depth 4
    g0 = 48x96 in 1 block
    b3 = q8 96 static depth 4
    b4 = f32 48 depth 4
    g1 = 96x48 in 1 block
    b5 = f32 48 depth 17
    b6 = f32 48 depth 4
    b7 = q8 48 sym depth 4
    t1 = f32 1x48
    b8 = f32 10 depth 4
    g2 = 48x10 in 1 block
