; Producer to consumer: a digital unit 4 ns a row, 7 to its result; a crossbar held 10 ns, 14 to its result.
; chip: time.cycle=1 time.issue=1 crossbar.input_bits=8 crossbar.dac_bits=8 time.conversion=0.5 digital.units=1 digital.lanes=1 extra.add=3 crossbar.columns_per_adc=10 time.combine=4 host.width=16
; launch: 3
; time: 0.0 1-2 1-3 1-4
; time: 0.1 2-9 3-13 4-17
; time: 0.2 9-23 19-33 29-43
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 4
.port y out f32 4
.tile 0
  .buf x f32 4 depth=8 stride=16
  .buf e f32 4 depth=8 stride=16 base=128
  .buf y f32 4 depth=8 stride=16 base=256
  .group g 4x4 cells=0 scale=256 colsum=64
    .block 4x4
  .code run
    in x, x
    ew1 e, x, neg
    mvm y, e, g
    out y, y, 0
    halt
