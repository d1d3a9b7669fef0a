; A program that takes a sequence at once: rows of other domains, unfused attention, a mask, buffers that share bytes.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=4 max_chunk=8 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=4 fixed=4
.port hidden in f32 4
.port mask in i32 1 role=mask hi=2
.port pooled out f32 4 dom=t1
.port rows out f32 4 dom=t2
.port scores out f32 8 dom=t0
.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf m i32 1 depth=4 stride=16 base=64
  .buf w f32 12 depth=1 stride=48 base=128
  .view w0 w 0..3
  .view w1 w 4..11
  .buf o f32 4 depth=2 stride=16 base=192
  .buf s f32 8 depth=1 stride=32 base=256
  .buf o2 f32 4 depth=1 stride=16 base=288
  .buf c f32 4 depth=5 stride=16 base=352 dom=t2
  .buf k f32 4 depth=4 stride=16 base=432
  .buf t f32 4 depth=1 stride=16 base=496 dom=t1
  .buf u f32 4 depth=1 stride=16 base=512 dom=t1
  .buf y f32 4 depth=2 stride=16 base=528
  .buf z f32 8 depth=1 stride=32 base=560 dom=t3
  .buf late f32 4 depth=1 stride=16 base=128 dom=t2
  .ring r mode=all n_kv=2 q_per_kv=1 d=2 dv=2 slots=4 scale=0.5
  .table cls f32 1x4 data=0
  .table order i32 4x1 data=64
  .code run
    settl t1, t0, one
    settl t2, t0, prefix, 1
    settl t3, t0, lin, 0x20001
    in x, hidden
    in m, mask
    rows.window w, x, _, _, 0x10103 @1 "/conv"
    kvw w1, r, m @2 "/attn"
    query o, x, r @2 "/attn"
    score s, x, r @2 "/attn"
    softmax s, s, 2
    mix o2, s, r
    ew2 o, o, o2, add
    prefix.t2 c, o, cls @3 "/cls"
    skip k, c, 1 @4 "/drop"
    rred.t1 t, k, mean, m @5 "/pool"
    pick.index.t1 u, c, _, 4
    ew2.t1 u, u, t, mul
    ew2 y, k, u, add @6 "/broadcast"
    rows.window.t3 z, y, _, _, 0x202 @7 "/merge"
    rows.index o2, x, order, 1, 0
    out.t1 u, pooled, 0
    out s, scores, 0
    copy.t2 late, c
    out.t2 late, rows, 0
    halt
