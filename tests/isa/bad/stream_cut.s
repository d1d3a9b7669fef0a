; A phase that streams gives the same rows however a sequence is cut into steps.
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
    settl t3, t0, lin, 0x20001 ; expect-error: isa-stream: so many rows a step
    in x, f
    posrow.t1 one, row
    ew2 y, x, one, add
    pick.last.t2 last, x
    halt
