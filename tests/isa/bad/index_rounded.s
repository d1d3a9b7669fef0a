; Integers that pass through a digital unit of bf16 have eight bits.
; chip: digital.format=bf16 tile.memory=8192
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=4 max_chunk=4
.phase run
  .rows t0 free max=4

.port i in i32 1 hi=260
.port f in f32 1
.tile 0
  .buf i i32 1 depth=4 stride=16
  .buf n i32 1 depth=4 stride=16 base=64
  .buf x f32 1 depth=1 stride=16 base=128
  .table t i32 128x1 data=0
  .code run
    in i, i
    ew1 n, i, relu
    ew1 i, n, abs
    gather x, i, t ; expect-error: isa-index: rows of a may be 0 to 260, there are 128 rows
    halt
