; One send to two tiles: the links of both ways once. On the second link it meets what the tile between sends, which is younger.
; chip: time.cycle=1 time.issue=1 router.columns=3 router.width=16 router.receive=16 time.hop=4 host.width=64
; launch: 2
; time: 0.0 1-2 1-3
; time: 0.1 2-14 3-18
; time: 1.1 2-10 3-22
; time: 1.2 10-14 14-18
; time: 2.0 14-18 18-22
; time: 2.1 10-14 22-26
.ohm 1
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 16
.port w in f32 16
.port y out f32 16
.port z out f32 16
.port v out f32 16
.channel c f32 16 depth=4 to=1,2
.channel d f32 16 source=1 depth=4 to=2
.tile 0
  .buf x f32 16 depth=4 stride=64
  .code run
    in x, x
    send x, c
    halt
.tile 1
  .buf x f32 16 depth=4 stride=64
  .buf a f32 16 depth=4 stride=64 base=256
  .code run
    in x, w
    send x, d
    recv a, c
    out a, v, 0
    halt
.tile 2
  .buf a f32 16 depth=4 stride=64
  .buf b f32 16 depth=4 stride=64 base=256
  .code run
    recv a, c
    recv b, d
    out a, y, 0
    out b, z, 0
    halt
