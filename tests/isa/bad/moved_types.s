; Rows that are moved keep their type.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=4 max_chunk=4
.phase run
  .rows t0 free max=4

.port f in f32 4
.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf r raw 4 depth=1 stride=32 base=64 dom=t1
  .buf p pair 1 depth=4 stride=16 base=96
  .buf i i32 1 depth=1 stride=16 base=160 dom=t1
  .buf z f32 4 depth=1 stride=16 base=176 dom=t1
  .buf q q8 4 quant=sym depth=1 stride=32 base=192 dom=t1
  .buf s pair 1 depth=4 stride=16 base=224
  .buf b bf16 4 depth=4 stride=16 base=288
  .table t f32 1x4 data=0
  .code run
    settl t1, t0, one
    in x, f
    pick.t1 r, x ; expect-error: isa-operand: operand a is f32, expected raw
    pick.t1 q, x ; expect-error: isa-operand: operand a is f32, expected q8
    topk p, x, 1, 0
    pick.last.t1 i, p ; expect-error: isa-operand: operand a is pair, expected i32
    gather.t1 z, i, t ; expect-error: isa-index: rows of a may be
    skip b, x, 0 ; expect-error: isa-operand: operand a is f32, expected bf16
    skip s, x, 0 ; expect-error: isa-operand: operand a is f32, expected pair; expect-error: isa-operand: operand d has 1 columns, expected 4
    halt
