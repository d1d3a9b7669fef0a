; Two tiles send over one link; the rows from further away join one hop after they began.
; chip: time.cycle=1 time.issue=1 router.columns=3 router.width=16 router.receive=128 time.hop=4 host.width=128
; launch: 3
; time: 0.0 1-2 1-3 1-4
; time: 0.1 2-18 3-30 4-46
; time: 1.0 1-2 1-3 1-4
; time: 1.1 2-22 3-38 4-54
; time: 2.0 18-19 30-31 46-47
; time: 2.1 22-23 38-39 54-55
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 32
.port y out f32 32
.port z out f32 32
.channel c f32 32 depth=8 to=2
.channel d f32 32 source=1 depth=8 to=2
.tile 0
  .buf x f32 32 depth=8 stride=128
  .code run
    in x, x
    send x, c
    halt
.tile 1
  .buf x f32 32 depth=8 stride=128
  .code run
    in x, x
    send x, d
    halt
.tile 2
  .buf x f32 32 depth=8 stride=128
  .buf z f32 32 depth=8 stride=128 base=1024
  .code run
    recv x, c
    recv z, d
    out x, y, 0
    out z, z, 0
    halt
