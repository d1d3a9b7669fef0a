; Two phases (7 bits and the sign) of 128 conversions of 0.390625 ns are 100 ns, exactly; settling and combining take 0.1 ns each, and 10 bytes through 3 bytes/ns without a clock are rounded up to 3334 ps.
; chip: time.issue=0.1 crossbar.input_bits=8 crossbar.dac_bits=8 crossbar.columns_per_adc=128 time.conversion=0.390625 time.settle=0.1 time.combine=0.1 host.width=3
; launch: 2
; time: 0.0 0.1-5.434 0.1-10.768
; time: 0.1 5.434-105.634 105.434-205.634
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 4
.port y out f32 1
.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf y f32 1 depth=4 stride=16 base=64
  .group g 4x1 cells=0 scale=256 colsum=64
    .block 4x1
  .code run
    in x, x
    mvm y, x, g
    out y, y, 0
    halt
