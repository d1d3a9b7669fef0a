; Rows of two tiles are added to a third tile's as they arrive: receive side 2 ns, in the queue 3, then an addition of 1 and 2 more.
; chip: time.cycle=1 time.issue=1 digital.units=1 digital.lanes=4 extra.add=2 router.columns=3 router.width=4 router.receive=8 time.receive=3 time.hop=2 host.width=16
; launch: 2
; time: 0.1 2-10 3-16
; time: 1.1 2-12 3-20
; time: 2.0 1-2 1-3
; time: 2.1 10-16 16-24
; time: 2.2 16-22 24-30
.ohm 1
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 4
.port w in f32 4
.port y in f32 4
.port z out f32 4
.channel c f32 4 depth=4 to=2
.channel d f32 4 source=1 depth=4 to=2
.tile 0
  .buf x f32 4 depth=4 stride=16
  .code run
    in x, x
    send x, c
    halt
.tile 1
  .buf x f32 4 depth=4 stride=16
  .code run
    in x, w
    send x, d
    halt
.tile 2
  .buf y f32 4 depth=4 stride=16
  .buf a f32 4 depth=4 stride=16 base=64
  .buf b f32 4 depth=4 stride=16 base=128
  .code run
    in y, y
    recvadd a, y, c
    recvadd b, a, d
    out b, z, 0
    halt
