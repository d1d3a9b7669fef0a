; A full score bias has an entry for every position that a ring holds, whoever wrote it.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=3 max_chunk=8
.phase encode
  .rows t1 free max=8
.phase step
  .rows t0 free max=3

.port e in f32 4 dom=t1
.port f in f32 2
.tile 0
  .buf x f32 4 depth=8 stride=16 dom=t1
  .buf q f32 2 depth=3 stride=16 base=128
  .buf o f32 2 depth=3 stride=16 base=176
  .ring b n_kv=1 q_per_kv=1 d=2 dv=2 slots=8 dom=t1 mode=cross scale=1 bias=full bias_table=0 bias_width=4
  .ring fits n_kv=1 q_per_kv=1 d=2 dv=2 slots=8 dom=t1 mode=cross scale=1 bias=full bias_table=0 bias_width=8
  .ring wide n_kv=1 q_per_kv=1 d=2 dv=2 slots=8 dom=t1 mode=cross scale=1 bias=full bias_table=0 bias_width=7
  .code encode
    in.t1 x, e
    kvw.t1 x, b
    kvw.t1 x, fits
    kvw.t1 x, wide
    halt
  .code step
    in q, f
    query o, q, b ; expect-error: isa-index: the score bias has 4 positions, there are 8
    query o, q, fits
    query o, q, wide ; expect-error: isa-index: the score bias has 7 positions, there are 8
    halt
