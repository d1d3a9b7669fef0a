; A streaming program: embedding, one attention, a product split over two tiles, logits and their best two.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4
.port ids in i32 1 elem=i64 role=tokens hi=16
.port logits out f32 8
.port best out pair 2
.channel c.y f32 4 depth=1 to=1
.channel c.h q8 2 depth=1 source=1 to=2
.channel c.s raw 8 depth=1 source=2 to=1
.tile 0
  .buf i i32 1 depth=1 stride=16
  .buf e f32 4 depth=1 stride=16 base=16
  .buf p f32 4 depth=1 stride=16 base=32
  .buf x f32 4 depth=1 stride=16 base=48
  .buf n q8 4 quant=sym depth=1 stride=32 base=64
  .buf qkv f32 12 depth=1 stride=48 base=96
  .view q qkv 0..3
  .view kv qkv 4..11
  .buf o f32 4 depth=1 stride=16 base=144
  .buf y f32 4 depth=1 stride=16 base=160
  .group g.qkv 4x12 cells=0 scale=256 colsum=64
    .block 4x8
    .block 4x4 crossbar=1 n0=8
  .ring r n_kv=1 q_per_kv=1 d=4 dv=4 slots=16 window=16 scale=0.5
  .table wte f32 16x4 data=256
  .table wpe f32 16x4 data=256
  .table rot f32 16x4 data=256
  .table gamma f32 1x4 data=0
  .code run
    in i, ids
    gather e, i, wte @1 "/wte/Gather"
    posrow p, wpe @2 "/wpe/Gather"
    ew2 x, e, p, add @3 "/Add"
    norm.rms n, x, gamma, 1e-5 @4 "/ln/Norm"
    mvm qkv, n, g.qkv @5 "/attn/MatMul"
    rope q, q, rot, 1, 4 @6 "/attn/Rotary"
    attn o, q, kv, r @7 "/attn/Softmax"
    ew2 y, x, o, add @8 "/Add_1"
    send y, c.y
    halt
.tile 1
  .buf y f32 4 depth=1 stride=16
  .buf yq q8 4 quant=sym depth=1 stride=32 base=16
  .view y0 yq 0..1
  .view y1 yq 2..3
  .buf s raw 8 depth=1 stride=48 base=48
  .buf z f32 8 depth=1 stride=32 base=96
  .buf l f32 8 depth=1 stride=32 base=128
  .buf b pair 2 depth=1 stride=16 base=160
  .group g.a 4x8 k0=0 k1=2 cells=0 scale=256 colsum=64
    .block 2x8
  .group g.e 4x8 kind=epilogue scale=256 colsum=64 bias=0
  .code run
    recv y, c.y
    copy yq, y @9 "/head/Quantize"
    mvm.raw s, y0, g.a @10 "/head/MatMul"
    send y1, c.h
    recvadd s, s, c.s @11 "/head/MatMul"
    fin z, s, g.e @11 "/head/MatMul"
    softmax.log l, z, 1 @12 "/LogSoftmax"
    topk b, l, 2, 0 @13 "/TopK"
    out l, logits, 0
    out b, best, 0
    halt
.tile 2
  .buf h q8 2 depth=1 stride=32
  .buf s raw 8 depth=1 stride=48 base=32
  .group g.b 4x8 k0=2 k1=4 cells=16 scale=256 colsum=64
    .block 2x4
    .block 2x4 row0=2 n0=4
  .code run
    recv h, c.h
    mvm.raw s, h, g.b @10 "/head/MatMul"
    send s, c.s
    halt
