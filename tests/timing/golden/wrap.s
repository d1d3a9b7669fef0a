; Steps of one row through a buffer of two: the third waits until the first has been read, two steps before.
; chip: time.cycle=1 time.issue=1 crossbar.input_bits=8 crossbar.dac_bits=8 crossbar.columns_per_adc=10 time.conversion=0.5 host.width=4
; launch: 1
; launch: 1 pos=1
; launch: 1 pos=2
; launch: 1 pos=3
; time: 0.0 1-2 5-6 12-13 22-23
; time: 0.1 2-12 12-22 22-32 32-42
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=1 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=1
.port x in f32 1
.port y out f32 1
.tile 0
  .buf x f32 1 depth=2 stride=16
  .buf y f32 1 depth=4 stride=16 base=64
  .group g 1x1 cells=0 scale=256 colsum=64
    .block 1x1
  .code run
    in x, x
    mvm y, x, g
    out y, y, 0
    halt
