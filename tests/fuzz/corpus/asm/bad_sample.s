.ohm 1
.tool "ohmic 0.1.0"
.program stream max_tokens=256 max_chunk=16 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=16
.port hidden in f32 4 shape="[1,t0,4]"
.port "output:0" out f32 4 shape="[1,t0,4]"
.channel c.out f32 4 depth=4 to=1

.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf n q8 4 quant=sym depth=4 stride=32 base=64
  .buf qkv f32 12 depth=4 stride=48 base=192
  .view q qkv 0..3
  .view kv qkv 4..11
  .buf o f32 4 depth=4 stride=16 base=384
  .group g.qkv 4x12 kind=epilogue scale=none
  .ring r n_kv=2 q_per_kv=1 d=2 dv=2 slots=256 window=256 scale=0.70710677 past_key=past.0.key kv_layout=bhtd
  .code run
    in x, hidden
    norm.rms n, x, _, 1e-5                 @1 "/h.0/ln_1/Norm"
    mvm qkv, n, g.qkv                        @2 "/h.0/attn/q_proj/MatMul" "/h.0/attn/k_proj/MatMul"
    attn o, q, kv, r                         @3 "/h.0/attn/Softmax"
    ew2 o, x, o, add                         @4 "/h.0/Add"
    send o, c.out
    halt

.tile 1
  .buf y f32 4 depth=4 stride=16
  .code run
    recv y, c.out
    out y, "output:0", 0
    halt

.chip
|name: test

.ir
|func @run() {
|  return
|}

.proof
|rows are tokens
