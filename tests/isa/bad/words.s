; Words that are no instructions; lines that do not end with their only halt.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.tile 0
  .buf x f32 4 depth=1 stride=16
  .code run
    .word ee000000 00000000 00000000 00000000 ; expect-error: isa-code: no instruction
    .word 08000000 05000000 00000000 00000000 ; expect-error: isa-code: names a descriptor that does not exist
    halt
