; Two digital units take rows in turns, by position: even rows one, odd rows the other.
; chip: time.cycle=1 time.issue=1 digital.units=2 digital.lanes=1 extra.add=2 host.width=40
; launch: 2 pos=0
; launch: 2 pos=2
; time: 0.0 1-2 1-3 5-6 5-7
; time: 0.1 2-14 3-15 6-24 7-25
.ohm 1
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 10
.port y out f32 10
.tile 0
  .buf x f32 10 depth=4 stride=48
  .buf y f32 10 depth=4 stride=48 base=192
  .code run
    in x, x
    ew1 y, x, neg
    out y, y, 0
    halt
