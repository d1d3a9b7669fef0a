; The scratchpad port is slower than unit and latency: 96 bytes in 6 ns. What the host sends lies in dense memory here.
; chip: time.cycle=1 time.issue=1 digital.units=1 digital.lanes=12 extra.add=1 tile.port=16 host.width=96
; launch: 3
; time: 0.0 1-2 1-3 1-4
; time: 0.1 2-8 3-14 4-20
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 24
.port y out f32 24
.tile 0
  .buf x f32 24 space=mem depth=8 stride=96
  .buf e f32 24 depth=8 stride=96
  .buf z f32 24 depth=8 stride=96 base=768
  .code run
    in x, x
    ew1 e, x, neg
    out x, y, 0
    halt
