tile 0
 phase encode
  in.t1 b0, input_ids
  gather.t1 b1, b0, t0
  copy.t1 b2, b1
  mvm.t1 b3, b2, g0
  in.t1 b4, attention_mask
  kvw.t1 b3[4..11], r0, b4
  query.t1 b5, b3[0..3], r0
  ew2.t1 b6, b1, b5, add
  norm.rms.t1 b7, b6, t1, 1e-6
  copy.t1 b8, b7
  mvm.t1 b9, b8, g1
  kvw.t1 b9, r1, b4
  out.t1 b7, encoder_last_hidden_state, 0
  halt
 phase step
  in b10, decoder_input_ids
  gather b11, b10, t0
  posrow b12, t2
  ew2 b13, b11, b12, add
  copy b14, b13
  mvm b15, b14, g0
  attn b16, b15[0..3], b15[4..11], r2
  ew2 b17, b13, b16, add
  copy b18, b17
  mvm b19, b18, g2
  query b20, b19, r1
  ew2 b21, b17, b20, add
  norm.rms b22, b21, t1, 1e-6
  mvm b23, b22, g3
  out b23, logits, 0
  halt
    b0 = i32 1 depth 4
    b1 = f32 4 depth 12
    t0 = f32 6x4
    b2 = q8 4 sym depth 4
    b3 = f32 12 depth 12
    g0 = 4x12 in 1 block
    b4 = i32 1 depth 12
    r0 = mode=all dom=t1 n_kv=2 q_per_kv=1 d=2 dv=2 slots=12 scale=0.5 sub_tile=64
    b5 = f32 4 depth 4
    b6 = f32 4 depth 4
    b7 = f32 4 depth 4
    t1 = f32 1x4
    b8 = q8 4 sym depth 4
    b9 = f32 8 depth 4
    g1 = 4x8 in 1 block
    r1 = mode=cross dom=t1 n_kv=2 q_per_kv=1 d=2 dv=2 slots=12 scale=0.5 sub_tile=64
    b10 = i32 1 depth 4
    b11 = f32 4 depth 4
    b12 = f32 4 depth 4
    t2 = f32 8x4
    b13 = f32 4 depth 4
    b14 = q8 4 sym depth 4
    b15 = f32 12 depth 4
    b16 = f32 4 depth 4
    r2 = n_kv=2 q_per_kv=1 d=2 dv=2 slots=8 scale=0.5 sub_tile=64
    b17 = f32 4 depth 4
    b18 = q8 4 sym depth 4
    b19 = f32 4 depth 4
    g2 = 4x4 in 1 block
    b20 = f32 4 depth 4
    b21 = f32 4 depth 4
    b22 = q8 4 sym depth 4
    b23 = f32 6 depth 4
    g3 = 4x6 in 1 block
