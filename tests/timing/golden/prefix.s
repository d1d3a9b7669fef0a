; A row of a table in front of those of the host: row r waits for row r - 1. 16 bytes of a memory take 4 ns, 6 to the result.
; chip: time.cycle=1 time.issue=1 memory.units=1 memory.width=4 time.memory=6 host.width=16
; launch: 3
; time: 0.1 2-3 2-4 2-5
; time: 0.2 3-9 3-13 4-17 5-21
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=4 max_chunk=5 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 4
.port y out f32 4 dom=t1
.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf y f32 4 depth=8 stride=16 base=64 dom=t1
  .table cls f32 1x4 data=0
  .code run
    settl t1, t0, prefix, 1
    in x, x
    prefix.t1 y, x, cls
    out.t1 y, y, 0
    halt
