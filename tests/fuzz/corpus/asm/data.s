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
  .group g.qkv 4x12 cells=0 scale=64 colsum=128
    .block 4x8
    .block 4x4 crossbar=1 n0=8
  .ring r n_kv=2 q_per_kv=1 d=2 dv=2 slots=256 window=256 scale=0.70710677 past_key=past.0.key past_value=past.0.value kv_layout=bhtd
  .table ln1 f32 1x8 data=0
  .code run
    in x, hidden
    norm.rms n, x, ln1, 1e-5                 @1 "/h.0/ln_1/Norm"
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

.cells hex 00070e151c232a31383f464d545b626970777e858c939aa1a8afb6bdc4cbd2d9
.cells hex e0e7eef5fc030a11181f262d343b4249

.tables hex 00050a0f14191e23282d32373c41464b50555a5f64696e73787d82878c91969b
.tables hex a0a5aaafb4b9bec3c8cdd2d7dce1e6ebf0f5faff04090e13181d22272c31363b
.tables hex 40454a4f54595e63686d72777c81868b90959a9fa4a9aeb3b8bdc2c7ccd1d6db
.tables hex e0e5eaeff4f9fe03080d12171c21262b30353a3f44494e53585d62676c71767b
.tables hex 80858a8f94999ea3a8adb2b7bcc1c6cbd0d5dadfe4e9eef3f8fd02070c11161b
.tables hex 20252a2f34393e43484d52575c61666b
