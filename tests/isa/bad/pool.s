; Groups that the pool cannot multiply, or not so.
; chip: pool.arrays=2 pool.rows=8 pool.adc_bits=6 pool.subtract=off dense.arrays=1 dense.cells=32
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.port f in f32 2
.port o out f32 2
.tile 0
  .buf x f32 2 depth=4 stride=8
  .buf y f32 2 depth=4 stride=8 base=64
  .buf q q8 2 quant=sym depth=4 stride=32 base=128
  .group a 2x2 kind=stored cells=0 scale=256 colsum=264 digits=3 digit_bits=2 chunk=4 adc_bits=6 adc_step=24 apart=1
  .group b 2x2 cells=8 scale=256 colsum=264 digits=9 digit_bits=8 adc_bits=17 adc_step=3 apart=2
  ; expect-error: isa-block: blocks hold 0 weights of 4
  ; expect-error: isa-descriptor: digits of a group that is resident and i8: the pool multiplies stored codes
  ; expect-error: isa-descriptor: 9 digits of 8 switches: expected up to 8, of 1 to 7
  ; expect-error: isa-descriptor: a chunk of 0 weights
  ; expect-error: isa-descriptor: apart is 2
  ; expect-error: isa-descriptor: a converter of 17 bits with step 3
  ; expect-error: sim-chip: digits is 9, the chip's is 3
  ; expect-error: sim-chip: digit_bits is 8, the chip's is 2
  ; expect-error: sim-chip: chunk is 0, the chip's is 4
  ; expect-error: sim-chip: apart is 2, the chip's is 1
  ; expect-error: sim-chip: adc_bits is 17, the chip's is 6
  .group c 2x2 kind=stored cells=16 scale=256 colsum=264 digits=3 digit_bits=2 chunk=4 adc_step=24 apart=1
  ; expect-error: isa-descriptor: a converter of 0 bits with step 24: an exact one has no step
  ; expect-error: sim-chip: adc_bits is 0, the chip's is 6
  .group d 2x2 kind=stored cells=16 scale=256 colsum=264 digits=3 digit_bits=2 chunk=4 adc_bits=6 apart=1
  ; expect-error: isa-descriptor: a converter of 6 bits with step 0: a code stands for 0
  .group e 2x2 kind=stored cells=16 scale=256 colsum=264 chunk=4
  ; expect-error: isa-descriptor: a converter or chunk of the pool, but no digits
  ; expect-error: isa-capacity: weights in 2 dense crossbars of 32 cells, the chip has 1: a chip with --set dense.arrays=2 would do
  .code run
    in x, f
    mvm y, x, a ; expect-error: isa-operand: the pool takes digits of codes: expected a q8 row
    copy q, x
    mvm y, q, a
    out y, o, 0
    halt
