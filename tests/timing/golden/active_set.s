; A = 2: an instruction enters when the one two before it has ended.
; chip: time.cycle=1 time.issue=1 digital.units=1 digital.lanes=1 host.width=4 tile.active_set=2
; launch: 2
; time: 0.0 1-2 1-3
; time: 0.1 2-3 3-4
; time: 0.2 3-5 4-7
; time: 0.3 5-6 7-8
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 1
.port y out f32 1
.tile 0
  .buf x f32 1 depth=8 stride=16
  .buf a f32 1 depth=8 stride=16 base=128
  .buf b f32 1 depth=8 stride=16 base=256
  .buf c f32 1 depth=8 stride=16 base=384
  .code run
    in x, x
    ew1 a, x, neg
    ew1 b, a, neg
    ew1 c, b, neg
    out c, y, 0
    halt
