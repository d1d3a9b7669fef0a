; An encoder writes keys and values, 5 ns a row; the steps behind it are launched 3 ns after what they need has left. Scores 4 ns, softmax of three 2, mix 6.
; chip: time.cycle=1 time.issue=1 time.launch=3 digital.units=1 digital.lanes=3 passes.softmax=2 time.gain_write=5 time.gain_score=4 time.gain_mix=6 host.width=16
; launch: 0,3 phase=0
; launch: 1 phase=1 @after
; launch: 1 phase=1 @after pos=1
; time: 0.0 1-2 1-3 1-4 21-22 39-40
; time: 0.1 2-7 7-12 12-17 22-34 40-52
; time: 0.2 3-3 34-35 52-53
.ohm 1
.program stream max_tokens=8 max_chunk=4 banks=1 token_period_ns=0
.phase encode
  .rows t1 free max=4
.phase step
  .rows t0 free max=4
.port mel in f32 3 dom=t1
.port hidden in f32 2
.port o out f32 1
.tile 0
  .buf m f32 3 depth=4 stride=16 dom=t1
  .buf h f32 2 depth=4 stride=16 base=64
  .buf o f32 1 depth=4 stride=16 base=128
  .ring r mode=cross dom=t1 n_kv=1 q_per_kv=1 d=2 dv=1 slots=4 scale=1
  .code encode
    in.t1 m, mel
    kvw.t1 m, r
    halt
  .code step
    in h, hidden
    query o, h, r
    out o, o, 0
    halt
