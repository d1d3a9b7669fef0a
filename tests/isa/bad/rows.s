; Rows of other domains.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=8 max_chunk=8
.phase run
  .rows t0 free max=4

  .rows t1 free max=4
.port f in f32 4
.port i in i32 1 hi=4
.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf i i32 1 depth=4 stride=16 base=64
  .buf w f32 8 depth=8 stride=32 base=128
  .buf a f32 4 depth=1 stride=16 base=384 dom=t2
  .buf b f32 4 depth=5 stride=16 base=400 dom=t3
  .buf c f32 4 depth=8 stride=16 base=480 dom=t4
  .buf d f32 4 depth=4 stride=16 base=608 dom=t1
  .buf q q8 4 quant=sym depth=4 stride=32 base=672
  .buf qq q8 8 quant=sym depth=1 stride=32 base=800
  .buf j i32 1 depth=1 stride=16 base=832 dom=t2
  .buf k i32 1 depth=4 stride=16 base=848
  .table cls f32 1x4 data=0
  .table two f32 2x4 data=0
  .table idx i32 4x2 data=64
  .table short i32 2x2 data=64
  .code run
    settl t2, t0, one
    settl t3, t0, prefix, 1
    settl t4, t0, lin, 0x10102
    in x, f
    in i, i
    copy q, x
    prefix.t3 b, x, cls
    prefix.t3 b, x, two ; expect-error: isa-operand: t3 is not t0 and the 2 rows of the table
    suffix.t4 c, x, cls ; expect-error: isa-operand: t4 is not t0
    pick.index.t2 a, x, _, 1 ; expect-error: isa-index: row 1 of t0, which may have only 1
    pick.first.t2 a, x, i, 0 ; expect-error: isa-operand: operand b belongs to mode by; expect-error: isa-operand: operand b has the rows of t0
    pick.last.t2 a, x, _, 1 ; expect-error: isa-operand: imm belongs to mode index
    pick.by.t2 a, x, _, 0 ; expect-error: isa-operand: operand b belongs to mode by
    pick.first.t3 b, x, _, 0 ; expect-error: isa-operand: t3 has more than one row
    pick.by.t2 a, x, i, 0 ; expect-error: isa-operand: operand b has the rows of t0; expect-error: isa-index: b may be 0 to 3
    red k, x, argmax
    pick.last.t2 j, k, _, 0
    pick.by.t2 a, x, j, 0 ; expect-error: isa-index: b may be 0 to 3, there are 1 rows
    skip x, b, 2 ; expect-error: isa-index: t3 is not known to have 2 rows more than t0
    skip.t1 d, x, 0 ; expect-error: isa-index: t0 is not known to have 0 rows more than t1
    skip x, b, 1
    rred.t3 b, x, sum ; expect-error: isa-operand: t3 has more than one row
    rred.t2 a, x, argmax ; expect-error: isa-operand: no reduction over rows
    rred.t2 a, b, sum, i ; expect-error: isa-operand: weights have the rows of t0
    rows.window w, x, _, _, 0x00103 ; expect-error: isa-operand: operand d has 8 columns, expected 3 of 4
    rows.window w, x, _, _, 0x00002 ; expect-error: isa-operand: k and s are 1 at least
    rows.window w, x, idx, 2, 0x00102 ; expect-error: isa-operand: window takes no table
    rows.window qq, q, _, _, 0x00102 ; expect-error: isa-operand: q8 needs static quantisation
    rows.window w, q, _, _, 0x00102 ; expect-error: isa-operand: operand a is q8, expected f32 as operand d
    rows.index w, x, _, _ ; expect-error: isa-operand: index takes a table
    rows.index w, x, short, 2 ; expect-error: isa-index: the table has 2 rows, t0 up to 4
    rows.index w, x, idx, 2 ; expect-error: isa-index: the table names row 7 of t0
    halt
