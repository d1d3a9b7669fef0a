; Encoder and decoder: the ring is written in one phase and read in the other; a channel is used twice.
.ohm 1
.program stream max_tokens=16 max_chunk=8 banks=2 token_period_ns=0
.phase encode
  .rows t1 free max=8
.phase step
  .rows t0 free max=4
.port mel in f32 4 dom=t1
.port hidden in f32 4
.port out out f32 4
.channel c f32 4 depth=1 to=1
.tile 0
  .buf m f32 4 depth=1 stride=16 dom=t1
  .buf kv f32 4 depth=1 stride=16 base=16 dom=t1
  .view kv3 kv 0..2
  .buf h f32 4 depth=4 stride=16 base=32
  .buf o f32 2 depth=1 stride=16 base=96
  .buf j f32 4 depth=4 stride=16 base=112
  .view j0 j 0..1
  .view j1 j 2..3
  .buf w f32 8 depth=1 stride=32 base=176
  .ring cross mode=cross dom=t1 n_kv=1 q_per_kv=2 d=2 dv=1 slots=8 scale=0.5
  .ring own n_kv=1 q_per_kv=2 d=2 dv=2 slots=8 window=5 scale=0.5
  .code encode
    in.t1 m, mel
    copy.t1 kv, m
    kvw.t1 kv3, cross
    halt
  .code step
    in h, hidden
    query o, h, cross
    copy j0, o
    copy j1, o
    send j, c
    kvw h, own
    query j, h, own
    rows.window w, j, _, _, 0x10102
    send h, c
    halt
.tile 1
  .buf a f32 4 depth=1 stride=16
  .buf b f32 4 depth=1 stride=16 base=16
  .code encode
    halt
  .code step
    recv a, c
    recv b, c
    out b, out, 0
    halt
.chip
|name: test
|summary: "small"
