; The window of filling.s as it was run: masks leave row 2 one token in one sub-tile, row 3 two in one: softmax takes 2 and 4 ns, and nothing is added.
; chip: time.cycle=1 time.issue=1 gain.skip_empty=on digital.units=1 digital.lanes=1 passes.softmax=2 time.gain_score=4 time.gain_mix=5 time.gain_reset=1 time.gain_add=1 host.width=24
; launch: 3
; launch: 1 pos=3
; seen: 0 0.1 2 1 1
; seen: 1 0.1 0 2 1
; time: 0.1 2-14 14-28 28-40 40-54
.ohm 1
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port x in f32 6
.port o out f32 2
.tile 0
  .buf x f32 6 depth=4 stride=32
  .view q x 0..1
  .view kv x 2..5
  .buf o f32 2 depth=4 stride=16 base=128
  .ring r n_kv=1 q_per_kv=1 d=2 dv=2 slots=4 window=3 scale=1 sub_tile=2
  .code run
    in x, x
    attn o, q, kv, r
    out o, o, 0
    halt
