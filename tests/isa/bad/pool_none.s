; A group of the pool, on a chip without one.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.port f in f32 2
.port o out f32 2
.tile 0
  .buf x q8 2 quant=sym depth=4 stride=32
  .buf y f32 2 depth=4 stride=8 base=128
  .group a 2x2 kind=stored cells=0 scale=256 colsum=264 digits=3 digit_bits=2 chunk=64 adc_bits=8 adc_step=96 apart=1
  ; expect-error: sim-chip: is multiplied by a pool, and the chip has none: a chip with --set pool.arrays=1 would do
  .code run
    in x, f
    mvm y, x, a
    out y, o, 0
    halt
