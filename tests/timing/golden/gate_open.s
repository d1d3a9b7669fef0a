; A gated product where nothing is known of its gates: all of them are open.
; chip: time.cycle=1 time.issue=1 crossbar.input_bits=8 crossbar.dac_bits=8 time.conversion=0.5 crossbar.columns_per_adc=3 host.width=32
; launch: 4
; time: 0.0 1-2 1-4 1-6 1-8
; time: 0.1 2-3 2-5 2-7 2-9
; time: 0.2 3-6 6-9 9-12 12-15
; time: 0.3 6-7 9-10 12-13 15-16
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 8
.port gate in f32 1
.port y out f32 2
.tile 0
  .buf x f32 8 depth=8 stride=32
  .buf gate f32 1 depth=8 stride=16 base=256
  .buf y f32 2 depth=8 stride=16 base=384
  .group g 8x2 cells=0 scale=256 colsum=64
    .block 8x2
  .code run
    in x, x
    in gate, gate
    mvm y, x, g, gate
    out y, y, 0
    halt
