; Two sequences in two banks: each has its own ring, so the row of the second does not wait for that of the first.
; chip: time.cycle=1 time.issue=1 passes.softmax=0 time.gain_score=4 time.gain_mix=6 host.width=24
; launch: 1
; launch: 1 bank=1
; launch: 1 pos=1
; launch: 1 pos=1 bank=1
; time: 0.0 1-2 5-6 9-10 13-14
; time: 0.1 2-12 6-16 12-22 16-26
.ohm 1
.program stream max_tokens=8 max_chunk=4 banks=2 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 6
.port o out f32 2
.tile 0
  .buf x f32 6 depth=8 stride=32
  .view q x 0..1
  .view kv x 2..5
  .buf o f32 2 depth=8 stride=16 base=256
  .ring r n_kv=1 q_per_kv=1 d=2 dv=2 slots=8 scale=1
  .code run
    in x, x
    attn o, q, kv, r
    out o, o, 0
    halt
