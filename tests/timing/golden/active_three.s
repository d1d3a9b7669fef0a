; A = 3: an instruction enters when the one three before it has ended.
; chip: time.cycle=1 time.issue=1 digital.units=0 digital.lanes=1 extra.add=4 host.width=4 tile.active_set=3
; launch: 2
; time: 0.0 1-2 1-3
; time: 0.1 2-7 3-8
; time: 0.2 7-12 8-13
; time: 0.3 12-17 13-18
; time: 0.4 17-22 18-23
; time: 0.5 22-23 23-24
.ohm 1
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 1
.port y out f32 1
.tile 0
  .buf x f32 1 depth=4 stride=16
  .buf a f32 1 depth=4 stride=16 base=64
  .buf b f32 1 depth=4 stride=16 base=128
  .buf c f32 1 depth=4 stride=16 base=192
  .buf d f32 1 depth=4 stride=16 base=256
  .code run
    in x, x
    ew1 a, x, neg
    ew1 b, a, neg
    ew1 c, b, neg
    ew1 d, c, neg
    out d, y, 0
    halt
