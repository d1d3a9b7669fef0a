; What a buffer says of its scale and zero point is true of all rows that come into it.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=4 max_chunk=4
.phase run
  .rows t0 free max=4

.port f in f32 4
.channel c q8 4 depth=4 to=1
.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf asym q8 4 quant=asym depth=4 stride=32 base=64
  .buf sym q8 4 quant=sym depth=4 stride=32 base=192
  .buf half q8 4 quant=static scale=0.5 depth=4 stride=32 base=320
  .buf one q8 4 quant=static scale=1 depth=4 stride=32 base=448
  .buf any q8 4 depth=4 stride=32 base=576
  .buf w f32 8 depth=1 stride=32 base=704
  .buf wide q8 8 quant=static scale=1 depth=1 stride=32 base=736
  .view left wide 0..3
  .view right wide 4..7 quant=static scale=2
  .buf seen q8 8 quant=static scale=0.5 depth=1 stride=32 base=768
  .buf r raw 8 depth=4 stride=48 base=800
  .view r0 r 0..3
  .group bare 4x8 cells=0 scale=256
    .block 4x8
  .group four 4x4 cells=32 scale=256 colsum=64
    .block 4x4 row0=4
  .code run
    in x, f
    copy asym, x
    copy sym, x
    copy half, x
    copy one, x
    send asym, c
    copy any, asym
    mvm w, any, bare ; expect-error: isa-operand: no column sums
    skip sym, asym, 0 ; expect-error: isa-operand: with zero points of 0, which its codes are not known to have
    skip half, one, 0 ; expect-error: isa-operand: of scale 0.5 and zero point 0, which its codes are not known to have
    mvm w, sym, bare
    copy left, x ; expect-error: isa-operand: d is 4 of 8 columns: a row has one scale
    copy right, x ; expect-error: isa-operand: d is 4 of 8 columns: a row has one scale
    rows.window seen, one, _, _, 0x10102 ; expect-error: isa-operand: of scale 0.5 and zero point 0
    mvm.raw r0, one, four ; expect-error: isa-operand: d is 4 of 8 columns: a row has one sum of codes
    halt
.tile 1
  .buf y q8 4 quant=sym depth=4 stride=32
  .code run
    recv y, c ; expect-error: isa-operand: with zero points of 0, which its codes are not known to have
    halt
