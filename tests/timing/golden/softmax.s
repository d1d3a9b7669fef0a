; Scores that are read out: the ring is held 20 ns, from 5 on it asks 8 of the digital unit, which another instruction wants too.
; chip: time.cycle=1 time.issue=1 digital.units=1 digital.lanes=1 passes.softmax=8 time.gain_score=5 time.gain_mix=7 host.width=24
; launch: 3
; time: 0.0 1-2 1-3 1-4
; time: 0.1 2-22 22-42 42-62
; time: 0.2 3-17 3-23 4-37
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 6
.port y out f32 2
.port z out f32 6
.tile 0
  .buf x f32 6 depth=8 stride=32
  .view q x 0..1
  .view kv x 2..5
  .buf o f32 2 depth=8 stride=16 base=256
  .buf e f32 6 depth=8 stride=32 base=384
  .ring r n_kv=1 q_per_kv=1 d=2 dv=2 slots=8 window=1 scale=1 sub_tile=8
  .code run
    in x, x
    attn o, q, kv, r
    ew1 e, x, neg
    out o, y, 0
    out e, z, 0
    halt
