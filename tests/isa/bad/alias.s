; Columns that are read and written at once; a row has one scale.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.port f in f32 8
.tile 0
  .buf x f32 8 depth=4 stride=32
  .view x0 x 0..3
  .view x1 x 2..5
  .view x2 x 4..7
  .buf z q8 8 quant=sym depth=1 stride=32 base=128
  .view z0 z 0..3
  .view z4 z 4..7 quant=static scale=1
  .group g 4x4 wtype=f32 cells=0
    .block 4x4
  .buf p pair 4 depth=1 stride=32 base=160
  .view p1 p 0..1
  .code run
    in x, f
    ew1 x0, x0, relu
    ew1 x0, x2, relu
    ew1 x0, x1, relu ; expect-error: isa-operand: d and a are columns 0..3 and 2..5 of one buffer, expected others or the same
    mvm x0, x0, g ; expect-error: isa-operand: of one buffer, expected others
    mvm x0, x2, g
    topk p, x0, 4, 0
    topk p1, p, 2, 0 ; expect-error: isa-operand: of one buffer, expected others
    copy z0, x0 ; expect-error: isa-operand: a row has one scale
    copy z4, x0 ; expect-error: isa-operand: d is 4 of 8 columns: a row has one scale
    halt
