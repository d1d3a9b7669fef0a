; Rows that this step has not written, or that were overwritten.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=8 max_chunk=8
.phase run
  .rows t0 free max=4

.port f in f32 4
.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf y f32 8 depth=4 stride=32 base=64
  .view y0 y 0..3
  .view y1 y 4..7
  .buf z f32 4 depth=4 stride=16 base=192
  .buf over f32 4 depth=4 stride=16 base=208
  .buf s f32 4 depth=4 stride=16 base=272 dom=t1
  .buf s0 f32 4 depth=4 stride=16 base=336
  .view s00 s0 0..3 dom=t1
  .code run
    settl t1, t0, prefix, 0
    ew1 x, x, relu ; expect-error: isa-unwritten: before this step has written all of it
    in x, f
    copy y0, x
    copy s0, x
    ew2 z, y0, y1, add ; expect-error: isa-unwritten: b reads buffer 3 'y1' before
    copy over, x
    copy x, z ; expect-error: isa-unwritten: whose bytes another buffer has overwritten
    copy z, over ; expect-error: isa-unwritten: a reads bytes that d overwrites
    copy.t1 s, s00 ; expect-error: isa-unwritten: reads rows of t1 of buffer 8 's00', which holds rows of t0
    copy.t1 s00, s ; a buffer used again
    copy x, s0 ; expect-error: isa-unwritten: reads rows of t0
    halt
