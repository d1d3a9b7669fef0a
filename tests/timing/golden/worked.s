; The worked program 3a of the design (4 layers on 9 tiles), buffers and queues as deep as a step is long. Its data are bytes of 0x3f
; that the test writes: times do not read them. test_worked.c has the times and sets chips/bench-1.yaml.
.ohm 1
.data "worked.data" "88127e761894660493c586eccdcfdb89" cells=65536 tables=34816
.program stream max_tokens=64 max_chunk=64 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=64
.port input_ids in i32 1 elem=i64 role=tokens hi=1
.port logits out f32 512
.channel c0 f32 128 source=0 depth=64 to=1
.channel c1 f32 128 source=1 depth=64 to=2
.channel c2 f32 128 source=2 depth=64 to=3
.channel c3 f32 128 source=3 depth=64 to=4
.channel c4 f32 128 source=4 depth=64 to=5
.channel c5 f32 128 source=5 depth=64 to=6
.channel c6 f32 128 source=6 depth=64 to=7
.channel c7 f32 128 source=7 depth=64 to=8
.tile 0
  .buf ids i32 1 depth=64 stride=16
  .buf e f32 128 depth=64 stride=512 base=1024
  .buf p f32 128 depth=64 stride=512 base=33792
  .buf x f32 128 depth=64 stride=512 base=66560
  .buf n q8 128 quant=sym depth=64 stride=144 base=99328
  .buf qkv f32 384 depth=64 stride=1536 base=108544
  .buf o f32 128 depth=64 stride=512 base=206848
  .buf oq q8 128 quant=static depth=64 stride=144 base=239616 scale=0.1
  .buf h f32 128 depth=64 stride=512 base=248832
  .buf y f32 128 depth=64 stride=512 base=281600
  .view q qkv 0..127
  .view kv qkv 128..383
  .group g.qkv 128x384 cells=0 scale=0 colsum=0
    .block 128x128
    .block 128x128 crossbar=1 n0=128
    .block 128x128 crossbar=2 n0=256
  .group g.o 128x128 cells=0 scale=0 colsum=0
    .block 128x128 crossbar=3
  .ring r readout=charge n_kv=2 q_per_kv=1 d=64 dv=64 slots=1024 scale=1 sub_tile=64 saturate=scores v_dd=0.9 s_sat=1 o_sat=1 cell=0 cell_terms=2 scalings=0
  .table wte f32 1x128 data=0
  .table wpe f32 64x128 data=0
  .table ln f32 1x256 data=0
  .code run
    in ids, input_ids
    gather e, ids, wte
    posrow p, wpe
    ew2 x, e, p, add
    norm n, x, ln, 1e-5
    mvm qkv, n, g.qkv
    attn o, q, kv, r
    copy oq, o
    mvm h, oq, g.o
    ew2 y, x, h, add
    send y, c0
    halt
.tile 1
  .buf x f32 128 depth=64 stride=512
  .buf n q8 128 quant=sym depth=64 stride=144 base=32768
  .buf h f32 512 depth=64 stride=2048 base=41984
  .buf hq q8 512 quant=static depth=64 stride=528 base=173056 scale=0.1
  .buf p f32 128 depth=64 stride=512 base=206848
  .buf z f32 128 depth=64 stride=512 base=239616
  .group g.fc1 128x512 cells=0 scale=0 colsum=0
    .block 128x128
    .block 128x128 crossbar=1 n0=128
    .block 128x128 crossbar=2 n0=256
    .block 128x128 crossbar=3 n0=384
  .group g.fc2 512x128 cells=0 scale=0 colsum=0
    .block 128x128 crossbar=4
    .block 128x128 crossbar=5 k0=128
    .block 128x128 crossbar=6 k0=256
    .block 128x128 crossbar=7 k0=384
  .table ln f32 1x256 data=0
  .code run
    recv x, c0
    norm n, x, ln, 1e-5
    mvm h, n, g.fc1
    ew1 hq, h, gelu
    mvm p, hq, g.fc2
    ew2 z, x, p, add
    send z, c1
    halt
.tile 2
  .buf x f32 128 depth=64 stride=512
  .buf n q8 128 quant=sym depth=64 stride=144 base=32768
  .buf qkv f32 384 depth=64 stride=1536 base=41984
  .buf o f32 128 depth=64 stride=512 base=140288
  .buf oq q8 128 quant=static depth=64 stride=144 base=173056 scale=0.1
  .buf h f32 128 depth=64 stride=512 base=182272
  .buf y f32 128 depth=64 stride=512 base=215040
  .view q qkv 0..127
  .view kv qkv 128..383
  .group g.qkv 128x384 cells=0 scale=0 colsum=0
    .block 128x128
    .block 128x128 crossbar=1 n0=128
    .block 128x128 crossbar=2 n0=256
  .group g.o 128x128 cells=0 scale=0 colsum=0
    .block 128x128 crossbar=3
  .ring r readout=charge n_kv=2 q_per_kv=1 d=64 dv=64 slots=1024 scale=1 sub_tile=64 saturate=scores v_dd=0.9 s_sat=1 o_sat=1 cell=0 cell_terms=2 scalings=0
  .table ln f32 1x256 data=0
  .code run
    recv x, c1
    norm n, x, ln, 1e-5
    mvm qkv, n, g.qkv
    attn o, q, kv, r
    copy oq, o
    mvm h, oq, g.o
    ew2 y, x, h, add
    send y, c2
    halt
.tile 3
  .buf x f32 128 depth=64 stride=512
  .buf n q8 128 quant=sym depth=64 stride=144 base=32768
  .buf h f32 512 depth=64 stride=2048 base=41984
  .buf hq q8 512 quant=static depth=64 stride=528 base=173056 scale=0.1
  .buf p f32 128 depth=64 stride=512 base=206848
  .buf z f32 128 depth=64 stride=512 base=239616
  .group g.fc1 128x512 cells=0 scale=0 colsum=0
    .block 128x128
    .block 128x128 crossbar=1 n0=128
    .block 128x128 crossbar=2 n0=256
    .block 128x128 crossbar=3 n0=384
  .group g.fc2 512x128 cells=0 scale=0 colsum=0
    .block 128x128 crossbar=4
    .block 128x128 crossbar=5 k0=128
    .block 128x128 crossbar=6 k0=256
    .block 128x128 crossbar=7 k0=384
  .table ln f32 1x256 data=0
  .code run
    recv x, c2
    norm n, x, ln, 1e-5
    mvm h, n, g.fc1
    ew1 hq, h, gelu
    mvm p, hq, g.fc2
    ew2 z, x, p, add
    send z, c3
    halt
.tile 4
  .buf x f32 128 depth=64 stride=512
  .buf n q8 128 quant=sym depth=64 stride=144 base=32768
  .buf qkv f32 384 depth=64 stride=1536 base=41984
  .buf o f32 128 depth=64 stride=512 base=140288
  .buf oq q8 128 quant=static depth=64 stride=144 base=173056 scale=0.1
  .buf h f32 128 depth=64 stride=512 base=182272
  .buf y f32 128 depth=64 stride=512 base=215040
  .view q qkv 0..127
  .view kv qkv 128..383
  .group g.qkv 128x384 cells=0 scale=0 colsum=0
    .block 128x128
    .block 128x128 crossbar=1 n0=128
    .block 128x128 crossbar=2 n0=256
  .group g.o 128x128 cells=0 scale=0 colsum=0
    .block 128x128 crossbar=3
  .ring r readout=charge n_kv=2 q_per_kv=1 d=64 dv=64 slots=1024 scale=1 sub_tile=64 saturate=scores v_dd=0.9 s_sat=1 o_sat=1 cell=0 cell_terms=2 scalings=0
  .table ln f32 1x256 data=0
  .code run
    recv x, c3
    norm n, x, ln, 1e-5
    mvm qkv, n, g.qkv
    attn o, q, kv, r
    copy oq, o
    mvm h, oq, g.o
    ew2 y, x, h, add
    send y, c4
    halt
.tile 5
  .buf x f32 128 depth=64 stride=512
  .buf n q8 128 quant=sym depth=64 stride=144 base=32768
  .buf h f32 512 depth=64 stride=2048 base=41984
  .buf hq q8 512 quant=static depth=64 stride=528 base=173056 scale=0.1
  .buf p f32 128 depth=64 stride=512 base=206848
  .buf z f32 128 depth=64 stride=512 base=239616
  .group g.fc1 128x512 cells=0 scale=0 colsum=0
    .block 128x128
    .block 128x128 crossbar=1 n0=128
    .block 128x128 crossbar=2 n0=256
    .block 128x128 crossbar=3 n0=384
  .group g.fc2 512x128 cells=0 scale=0 colsum=0
    .block 128x128 crossbar=4
    .block 128x128 crossbar=5 k0=128
    .block 128x128 crossbar=6 k0=256
    .block 128x128 crossbar=7 k0=384
  .table ln f32 1x256 data=0
  .code run
    recv x, c4
    norm n, x, ln, 1e-5
    mvm h, n, g.fc1
    ew1 hq, h, gelu
    mvm p, hq, g.fc2
    ew2 z, x, p, add
    send z, c5
    halt
.tile 6
  .buf x f32 128 depth=64 stride=512
  .buf n q8 128 quant=sym depth=64 stride=144 base=32768
  .buf qkv f32 384 depth=64 stride=1536 base=41984
  .buf o f32 128 depth=64 stride=512 base=140288
  .buf oq q8 128 quant=static depth=64 stride=144 base=173056 scale=0.1
  .buf h f32 128 depth=64 stride=512 base=182272
  .buf y f32 128 depth=64 stride=512 base=215040
  .view q qkv 0..127
  .view kv qkv 128..383
  .group g.qkv 128x384 cells=0 scale=0 colsum=0
    .block 128x128
    .block 128x128 crossbar=1 n0=128
    .block 128x128 crossbar=2 n0=256
  .group g.o 128x128 cells=0 scale=0 colsum=0
    .block 128x128 crossbar=3
  .ring r readout=charge n_kv=2 q_per_kv=1 d=64 dv=64 slots=1024 scale=1 sub_tile=64 saturate=scores v_dd=0.9 s_sat=1 o_sat=1 cell=0 cell_terms=2 scalings=0
  .table ln f32 1x256 data=0
  .code run
    recv x, c5
    norm n, x, ln, 1e-5
    mvm qkv, n, g.qkv
    attn o, q, kv, r
    copy oq, o
    mvm h, oq, g.o
    ew2 y, x, h, add
    send y, c6
    halt
.tile 7
  .buf x f32 128 depth=64 stride=512
  .buf n q8 128 quant=sym depth=64 stride=144 base=32768
  .buf h f32 512 depth=64 stride=2048 base=41984
  .buf hq q8 512 quant=static depth=64 stride=528 base=173056 scale=0.1
  .buf p f32 128 depth=64 stride=512 base=206848
  .buf z f32 128 depth=64 stride=512 base=239616
  .group g.fc1 128x512 cells=0 scale=0 colsum=0
    .block 128x128
    .block 128x128 crossbar=1 n0=128
    .block 128x128 crossbar=2 n0=256
    .block 128x128 crossbar=3 n0=384
  .group g.fc2 512x128 cells=0 scale=0 colsum=0
    .block 128x128 crossbar=4
    .block 128x128 crossbar=5 k0=128
    .block 128x128 crossbar=6 k0=256
    .block 128x128 crossbar=7 k0=384
  .table ln f32 1x256 data=0
  .code run
    recv x, c6
    norm n, x, ln, 1e-5
    mvm h, n, g.fc1
    ew1 hq, h, gelu
    mvm p, hq, g.fc2
    ew2 z, x, p, add
    send z, c7
    halt
.tile 8
  .buf x f32 128 depth=64 stride=512
  .buf n q8 128 quant=sym depth=64 stride=144 base=32768
  .buf l f32 512 depth=64 stride=2048 base=41984
  .group g.head 128x512 cells=0 scale=0 colsum=0
    .block 128x128
    .block 128x128 crossbar=1 n0=128
    .block 128x128 crossbar=2 n0=256
    .block 128x128 crossbar=3 n0=384
  .table ln f32 1x256 data=0
  .code run
    recv x, c7
    norm n, x, ln, 1e-5
    mvm l, n, g.head
    out l, logits, 0
    halt
