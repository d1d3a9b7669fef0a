; 64 bytes over three links into a queue of one row: a row departs when the one before has been received.
; chip: time.cycle=1 time.issue=1 router.columns=4 router.width=16 router.receive=16 time.hop=4 host.width=64
; launch: 3
; time: 0.0 1-2 1-3 1-4
; time: 0.1 2-18 22-38 42-58
; time: 3.0 18-22 38-42 58-62
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 16
.port y out f32 16
.channel c f32 16 depth=1 to=3
.tile 0
  .buf x f32 16 depth=8 stride=64
  .code run
    in x, x
    send x, c
    halt
.tile 1
  .code run
    halt
.tile 2
  .code run
    halt
.tile 3
  .buf x f32 16 depth=8 stride=64
  .code run
    recv x, c
    out x, y, 0
    halt
