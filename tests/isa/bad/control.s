; Lines that do not end with their only halt.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.tile 0
  .buf x f32 4 depth=1 stride=16
  .code run
    halt ; expect-error: isa-control: before the end
    halt
.tile 1 ; expect-error: isa-control: has no instructions
.tile 2
  .table t f32 16x4 data=256
  .buf x f32 4 depth=1 stride=16
  .code run
    posrow x, t ; expect-error: isa-control: expected halt
