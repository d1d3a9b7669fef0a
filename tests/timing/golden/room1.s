; A buffer of 1 row, read by two crossbars, one behind the other: the writer waits for the second.
; chip: time.cycle=1 time.issue=1 crossbar.input_bits=8 crossbar.dac_bits=8 time.conversion=0.5 digital.units=1 digital.lanes=1 crossbar.columns_per_adc=10 host.width=4
; launch: 4
; time: 0.0 1-2 1-3 1-4 1-5
; time: 0.1 2-3 23-24 44-45 65-66
; time: 0.2 3-13 24-34 45-55 66-76
; time: 0.3 13-23 34-44 55-65 76-86
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 1
.port y out f32 1
.tile 0
  .buf x f32 1 depth=8 stride=16
  .buf e f32 1 depth=1 stride=16 base=128
  .buf y f32 1 depth=8 stride=16 base=256
  .buf z f32 1 depth=8 stride=16 base=384
  .group g 1x1 cells=0 scale=256 colsum=64
    .block 1x1
  .group h 1x1 cells=0 scale=256 colsum=64
    .block 1x1 crossbar=1
  .code run
    in x, x
    ew1 e, x, neg
    mvm y, e, g
    mvm z, y, h, e
    out z, y, 0
    halt
