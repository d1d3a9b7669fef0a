; A shared unit serves the oldest row: the second function of row 0 goes before the first of row 1.
; chip: time.cycle=1 time.issue=1 crossbar.input_bits=8 crossbar.dac_bits=8 time.conversion=0.5 digital.units=1 digital.lanes=1 crossbar.columns_per_adc=5 host.width=24
; launch: 4
; time: 0.0 1-2 1-3 1-4 1-5
; time: 0.1 2-8 3-16 4-24 5-32
; time: 0.2 8-13 16-21 24-29 32-37
; time: 0.3 13-15 21-23 29-31 37-39
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 6
.port y out f32 2
.tile 0
  .buf x f32 6 depth=8 stride=32
  .buf e f32 6 depth=8 stride=32 base=256
  .buf y f32 2 depth=8 stride=16 base=512
  .buf z f32 2 depth=8 stride=16 base=640
  .group g 6x2 cells=0 scale=256 colsum=64
    .block 6x2
  .code run
    in x, x
    ew1 e, x, neg
    mvm y, e, g
    ew1 z, y, neg
    out z, y, 0
    halt
