; Inputs of 8 bits through converters of 2: four phases of the 7 bits of a magnitude and one of the sign, 3 conversions each: held 15 ns, 18 to the result.
; chip: time.cycle=1 time.issue=1 crossbar.input_bits=8 crossbar.dac_bits=2 time.conversion=1 time.settle=2 crossbar.columns_per_adc=3 time.combine=1 host.width=16
; launch: 2
; time: 0.0 1-2 1-3
; time: 0.1 2-20 17-35
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 4
.port y out f32 4
.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf y f32 4 depth=4 stride=16 base=64
  .group g 4x4 cells=0 scale=256 colsum=64
    .block 4x4
  .code run
    in x, x
    mvm y, x, g
    out y, y, 0
    halt
