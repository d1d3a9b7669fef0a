; Parts of a row have one scale when one column of largest elements has given it to all of them.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=4 max_chunk=4
.phase run
  .rows t0 free max=4
.port f in f32 4
.channel c.most f32 1 depth=4 to=1
.channel c.right q8 2 depth=4 to=1
.channel c.x f32 4 depth=4 to=1
.tile 0
  .buf x f32 4 depth=4 stride=16
  .view x0 x 0..1
  .view x1 x 2..3
  .buf most f32 1 depth=4 stride=16 base=64
  .buf other f32 1 depth=4 stride=16 base=128
  .buf wide f32 2 depth=4 stride=16 base=192
  .view left wide 0..0
  .view right wide 1..1
  .buf static q8 4 quant=static scale=1 depth=4 stride=32 base=256
  .buf sym q8 4 quant=sym depth=4 stride=32 base=384
  .view s0 sym 0..1
  .view s1 sym 2..3
  .buf two q8 4 quant=sym depth=4 stride=32 base=512
  .view t0 two 0..1
  .view t1 two 2..3
  .buf own q8 4 quant=sym depth=4 stride=32 base=640
  .view o0 own 0..1
  .view o1 own 2..3
  .buf part q8 2 quant=sym depth=4 stride=32 base=768
  .buf bias i32 1 depth=1 stride=16 base=896
  .buf any q8 4 depth=1 stride=32 base=912
  .view a0 any 0..1 quant=sym
  .view a1 any 2..3
  .code run
    in x, f
    send x, c.x
    red most, x, absmax
    red other, x0, absmax
    red left, x0, absmax
    red right, x1, absmax
    send most, c.most
    copy static, x, most ; expect-error: isa-operand: expected q8 with sym quantisation as operand d
    copy x, x, most ; expect-error: isa-operand: expected q8 with sym quantisation as operand d
    copy sym, x, x ; expect-error: isa-operand: operand b has 4 columns, expected 1
    ew1 bias, most, neg
    copy sym, x, bias ; expect-error: isa-operand: operand b is i32, expected f32 or bf16
    copy t0, x0, most ; expect-error: isa-operand: d is 2 of 4 columns: a row has one scale
    copy t1, x1, other ; expect-error: isa-operand: unless it is static or one largest element gives it to all its parts
    copy o0, x0, left ; expect-error: isa-operand: d is 2 of 4 columns: a row has one scale
    copy o1, x1, left ; expect-error: isa-operand: d is 2 of 4 columns: a row has one scale
    copy part, x1, most
    copy a0, x0, most
    copy a1, part
    send part, c.right
    halt
.tile 1
  .buf x f32 4 depth=4 stride=16
  .view x0 x 0..1
  .buf most f32 1 depth=4 stride=16 base=64
  .buf row q8 4 depth=4 stride=32 base=128
  .view r0 row 0..1 quant=sym
  .view r1 row 2..3 quant=sym
  .buf mine f32 1 depth=4 stride=16 base=256
  .buf two q8 4 depth=4 stride=32 base=320
  .view t0 two 0..1 quant=sym
  .view t1 two 2..3 quant=sym
  .code run
    recv x, c.x
    recv most, c.most
    recv r1, c.right
    copy r0, x0, most
    red mine, x, absmax
    copy t0, x0, mine ; expect-error: isa-operand: d is 2 of 4 columns: a row has one scale
    copy t1, r1 ; expect-error: isa-operand: d is 2 of 4 columns: a row has one scale
    halt
