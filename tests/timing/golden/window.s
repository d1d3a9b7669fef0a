; Two groups on one crossbar: the first product of row 1 fits in front of the second of row 0.
; chip: time.cycle=1 time.issue=1 crossbar.input_bits=8 crossbar.dac_bits=8 time.conversion=0.5 digital.units=1 digital.lanes=1 extra.add=7 crossbar.columns_per_adc=4 host.width=8
; launch: 3
; time: 0.0 1-2 1-3 1-4
; time: 0.1 2-6 6-10 10-14
; time: 0.2 6-15 10-19 14-23
; time: 0.3 15-19 19-23 23-27
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 2
.port y out f32 2
.tile 0
  .buf x f32 2 depth=8 stride=16
  .buf a f32 2 depth=8 stride=16 base=128
  .buf b f32 2 depth=8 stride=16 base=256
  .buf c f32 2 depth=8 stride=16 base=384
  .group g 2x2 cells=0 scale=256 colsum=64
    .block 2x2
  .group h 2x2 cells=0 scale=256 colsum=64
    .block 2x2 row0=2
  .code run
    in x, x
    mvm a, x, g
    ew1 b, a, neg
    mvm c, b, h
    out c, y, 0
    halt
