; Gain cells: an attention whose scores stay charge, one whose scores are read out, a sink.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 8
.port o out f32 4
.port p out f32 4
.tile 0
  .buf x f32 8 depth=1 stride=32
  .view q x 0..3
  .view kv x 4..7
  .buf o f32 4 depth=1 stride=16 base=32
  .buf p f32 4 depth=1 stride=16 base=48
  .ring a readout=charge n_kv=1 q_per_kv=2 d=2 dv=2 slots=9 window=6 sub_tile=4 kv_levels=8 q_levels=16 out_levels=32 saturate=both v_dd=0.9 s_sat=0.5 o_sat=0.25 decay=0.01 cell=256 cell_terms=4 scalings=256
  .ring b n_kv=1 q_per_kv=2 d=2 dv=2 slots=9 window=6 scale=0.5 sub_tile=4 sink=256
  .code run
    in x, x
    attn o, q, kv, a
    attn p, q, kv, b
    out o, o, 0
    out p, p, 0
    halt
