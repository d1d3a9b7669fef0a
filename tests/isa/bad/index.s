; Rows that are named by values or positions.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.port ids in i32 1 hi=17
.port any in i32 1
.port ok in i32 1 hi=16
.tile 0
  .buf i i32 1 depth=1 stride=16
  .buf j i32 1 depth=1 stride=16 base=16
  .buf k i32 1 depth=1 stride=16 base=32
  .buf e f32 4 depth=1 stride=16 base=48
  .buf p pair 2 depth=1 stride=16 base=64
  .view k2 k 0..0
  .buf pi i32 2 depth=1 stride=16 base=80
  .view pi0 pi 0..0
  .table t f32 16x4 data=256
  .table short f32 15x4 data=256
  .table ints i32 8x1 data=64
  .table wild i32 8x1 data=128
  .table plus i32 1x1 data=68
  .table lim f32 1x2 data=0
  .code run
    in i, ids
    in j, any
    in k, ok
    gather e, i, t ; expect-error: isa-index: rows of a may be 0 to 16, there are 16 rows
    gather e, j, t ; expect-error: isa-index: rows of a may be -2147483648 to 2147483647
    gather e, k, t
    posrow e, short ; expect-error: isa-index: the table has 15 rows, positions of t0 go up to 15
    posrow e, t
    rope e, e, short, 1, 4 ; expect-error: isa-index: the table has 15 rows, positions of t0 go up to 15
    ew2 i, k, k, add
    gather e, i, t ; expect-error: isa-index: may be 0 to 30
    ew2 i, k, k, sub
    gather e, i, t ; expect-error: isa-index: may be -15 to 15
    ew2 i, k, k, mul
    gather e, i, t ; expect-error: isa-index: may be 0 to 225
    ewt i, k, plus, add
    gather e, i, t ; expect-error: isa-index: may be 1 to 16
    ew1 i, k, neg
    gather e, i, t ; expect-error: isa-index: may be -15 to 0
    clip i, j, lim
    gather e, i, t
    topk p, e, 2, 14
    copy pi, p
    gather e, pi0, t ; expect-error: isa-index: may be 14 to 17
    red i, e, argmax
    gather e, i, t
    gather i, i, ints
    gather e, i, t
    red i, e, argmax
    gather i, i, wild
    gather e, i, t ; expect-error: isa-index: may be -1 to 100
    ew1 i, e, relu ; expect-error: isa-operand: operand d has 1 columns
    gather e, i, t ; expect-error: isa-index: may be -2147483648 to 2147483647
    halt
