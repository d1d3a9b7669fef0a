; Types, widths and rows of operands.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.port f in f32 4
.port i in i32 1 hi=16
.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf b bf16 4 depth=4 stride=16 base=64
  .buf q q8 4 quant=sym depth=4 stride=32 base=128
  .buf n q8 4 depth=4 stride=32 base=256
  .buf i i32 1 depth=4 stride=16 base=384
  .buf r raw 8 depth=4 stride=48 base=448
  .buf p pair 2 depth=1 stride=16 base=640
  .buf w f32 8 depth=1 stride=32 base=656
  .buf i4 i32 4 depth=4 stride=16 base=688
  .view x3 x 0..2
  .buf z q8 4 quant=sym depth=1 stride=32 base=752
  .view z0 z 0..1
  .buf one f32 4 depth=1 stride=16 base=784 dom=t1
  .buf zr raw 4 depth=1 stride=32 base=800
  .buf v f32 3 depth=1 stride=16 base=832
  .group g 4x8 cells=0 scale=256 colsum=64
    .block 4x8
  .group half 4x8 k0=0 k1=2 cells=0 scale=256 colsum=64
    .block 2x8 row0=4
  .group bare 4x8 cells=0 scale=256
    .block 4x8 row0=6
  .group naked 4x8 cells=0
    .block 4x8 crossbar=1
  .group epi 4x8 kind=epilogue scale=256 colsum=64
  .table t f32 1x4 data=0
  .table two f32 1x2 data=0
  .table wide f32 1x8 data=0
  .table rows2 f32 2x4 data=0
  .table ints i32 1x4 data=64
  .code run
    settl t1, t0, one
    in x, f
    in i, i
    copy b, x
    copy q, x
    copy i4, x
    copy n, x ; expect-error: isa-operand: q8 without quantisation
    copy x3, x ; expect-error: isa-operand: operand d has 3 columns, expected 4 (as operand a); expect-error: isa-operand: d and a are columns 0..2 and 0..3
    mvm.raw r, q, g
    copy x, r ; expect-error: isa-operand: raw does not become f32; expect-error: isa-operand: operand d has 4 columns, expected 8
    copy p, w ; expect-error: isa-operand: operand d has 2 columns; expect-error: isa-operand: f32 does not become pair; expect-error: isa-unwritten: a reads buffer 7
    mvm w, x, half ; expect-error: isa-operand: operand a has 4 columns, expected 2 (the rows its group holds); expect-error: isa-operand: rows 0..2 of 4
    mvm x, q, g ; expect-error: isa-operand: operand d has 4 columns, expected 8
    mvm r, q, g ; expect-error: isa-operand: raw sums, and only they
    mvm w, q, epi ; expect-error: isa-operand: an epilogue has no cells
    mvm w, n, bare ; expect-error: isa-operand: no column sums
    mvm w, q, bare
    mvm w, x, naked ; expect-error: isa-operand: no scales
    mvm.raw r, x, g ; expect-error: isa-operand: raw sums are those of q8 rows and i8 codes
    fin w, r, g
    fin w, w, g ; expect-error: isa-operand: operand a is f32, expected raw
    fin w, r, naked ; expect-error: isa-operand: no scales; expect-error: isa-operand: no column sums
    ew1 z0, x, relu ; expect-error: isa-operand: expected 4 (as operand a); expect-error: isa-operand: a row has one scale
    copy z0, x ; expect-error: isa-operand: operand d has 2 columns; expect-error: isa-operand: a row has one scale
    ew2 x, x, i, add ; expect-error: isa-operand: operand b has 1 columns, expected 4 (as operand a)
    ew2 i4, i4, i4, pow ; expect-error: isa-operand: no function of integers
    ewt x, x, wide, add ; expect-error: isa-operand: the table has 8 columns, expected 4
    ewt x, x, rows2, add ; expect-error: isa-operand: the table has 2 rows, expected 1
    clip x, x, t ; expect-error: isa-operand: the table has 4 columns, expected 2
    norm x, x, two, 1e-5 ; expect-error: isa-operand: the table has 2 columns, expected 4
    norm x, x, wide, 1e-5
    norm x, x, _, -1 ; expect-error: isa-operand: epsilon
    softmax w, w, 3 ; expect-error: isa-operand: 8 columns in 3 segments
    red v, w, sum ; expect-error: isa-operand: 8 columns in 3 segments
    red i, x, sum ; expect-error: isa-operand: only argmax gives integers
    red i, x, argmax
    rope x, x, t, 3, 4 ; expect-error: isa-operand: 4 columns in 3 heads; expect-error: isa-index: the table has 1 rows, positions
    rope x, x, two, 2, 2, i ; expect-error: isa-index: rows of b may be 0 to 3, there are 1 rows
    rope x, x, t, 1, 3, i ; expect-error: isa-operand: the table has 4 columns, expected 3; expect-error: isa-operand: 3 of 4 columns; expect-error: isa-index: rows of b may be 0 to 3
    topk p, x, 3, 0 ; expect-error: isa-operand: operand d has 2 columns, expected 3
    topk p, x, 2, 4294967295 ; expect-error: isa-operand: leave i32
    topk x, w, 4, 0 ; expect-error: isa-operand: operand d is f32, expected pair
    copy one, x ; expect-error: isa-operand: operand d has the rows of t1, the instruction those of t0
    ew1.t1 one, x, relu ; expect-error: isa-operand: operand a has the rows of t0; expect-error: isa-stream: a reads the rows of t0 that one step has
    gather x, i, ints ; expect-error: isa-index: rows of a may be 0 to 3, there are 1 rows
    halt
