; Rows of a stream that depend on the step they come in.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.port f in f32 4
.tile 0
  .buf x f32 4 depth=4 stride=16
  .view q x 0..1
  .buf one f32 4 depth=1 stride=16 base=64 dom=t1
  .buf last f32 4 depth=1 stride=16 base=80 dom=t2
  .buf y f32 4 depth=4 stride=16 base=96
  .buf o f32 2 depth=4 stride=16 base=160
  .buf o1 f32 2 depth=1 stride=16 base=224 dom=t1
  .view q1 one 0..1
  .buf w f32 8 depth=1 stride=32 base=240 dom=t2
  .ring all n_kv=1 q_per_kv=1 d=2 dv=2 slots=16 mode=all scale=1
  .ring c n_kv=1 q_per_kv=1 d=2 dv=2 slots=16 scale=1
  .ring l n_kv=1 q_per_kv=1 d=2 dv=2 slots=16 scale=1 dom=t2
  .table row f32 1x4 data=0
  .table i i32 16x1 data=64
  .code run
    settl t1, t0, one
    settl t2, t0, last
    in x, f
    posrow.t1 one, row
    ew2 y, x, one, add
    pick.last.t2 last, x
    ew2 y, x, last, add ; expect-error: isa-stream: b reads the rows of t2
    ew2.t2 last, last, one, add
    ew1.t2 last, last, relu
    pick.t2 last, x ; expect-error: isa-stream: a reads the rows of t0
    pick.last.t1 one, x ; expect-error: isa-stream: a reads the rows of t0
    rred.t1 one, x, sum ; expect-error: isa-stream: a reads the rows of t0
    skip y, x, 0 ; expect-error: isa-stream: a reads the rows of t0
    rows.window.t2 w, last, _, _, 0x10102 ; expect-error: isa-stream: a window over rows of t2, which do not follow each other
    kvw x, all ; expect-error: isa-stream: the ring shows all that is stored
    query o, q, all
    attn o, q, x, c
    query.t1 o1, q1, c ; expect-error: isa-stream: rows of t1 see what the ring has of t0 by then
    kvw.t2 last, l ; expect-error: isa-stream: the ring takes rows of t2, which are not all rows of the sequence
    halt
