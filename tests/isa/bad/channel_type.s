; What a channel carries.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=8 max_chunk=8
.phase run
  .rows t0 free max=4

.port f in f32 4
.channel a f32 4 depth=1 to=1
.channel b f32 4 depth=1 dom=t1 to=1
.channel c q8 4 depth=1 to=1
.channel d f32 3 depth=1 to=1
.tile 0
  .buf x f32 4 depth=2 stride=16
  .buf q q8 4 quant=sym depth=1 stride=32 base=32
  .code run
    settl t1, t0, prefix, 0
    in x, f
    copy q, x
    send x, a
    send x, b ; expect-error: isa-operand: rows of t0, the channel carries those of t1
    send x, c ; expect-error: isa-operand: operand a is f32, the channel carries q8
    send x, d ; expect-error: isa-operand: operand a has 4 columns, expected 3
    halt
.tile 1
  .buf x f32 4 depth=1 stride=16
  .buf q q8 4 depth=1 stride=32 base=16
  .buf y f32 3 depth=1 stride=16 base=48
  .buf z f32 4 depth=1 stride=16 base=64 dom=t1
  .buf b bf16 3 depth=1 stride=16 base=80
  .code run
    settl t1, t0, prefix, 0
    recv q, a ; expect-error: isa-operand: operand d is q8, the channel carries f32
    recv.t1 z, b
    recv q, c
    copy y, %2 ; expect-error: isa-unwritten: before this step has written
    copy b, y
    recvadd y, b, d ; expect-error: isa-operand: operand a is bf16, expected f32 as operand d
    halt
