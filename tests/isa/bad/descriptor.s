; Numbers that make no sense.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.tile 0
  .buf q q8 4 quant=static scale=0 depth=1 stride=32 ; expect-error: isa-descriptor: static scale 0
  .buf z q8 4 quant=static scale=1 zero=200 depth=1 stride=32 base=32 ; expect-error: isa-descriptor: zero point 200
  .group g 4x8 k1=0 cells=0 scale=256 ; expect-error: isa-descriptor: holds no rows
  .group h 4x8 cells=0 scale=256 zero=224 ; expect-error: isa-descriptor: column 0 has zero point 500
    .block 4x8
  .table t bf16 1x4 data=0 ; expect-error: isa-descriptor: tables hold f32, q8 or i32
  .table u q8 2x4 data=160
  .table v q8 3x4 data=160 ; expect-error: isa-descriptor: row 2 has zero point 1000
  .code run
    halt
