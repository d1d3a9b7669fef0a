; What ports and rings say of tensors. expect-error: isa-port: the shape '[1,t0,5]' has 5 numbers a row, the port 4
; expect-error: isa-port: the shape '[1,tx]' means nothing; expect-error: isa-port: the shape '[1,t0,99999999999]' means nothing
; expect-error: isa-port: the shape '[1,t1,4]' counts rows of t1, the port has those of t0
; expect-error: isa-port: the shape '[1,t0,t0]' counts rows twice
; expect-error: isa-port: the shape '[1,4]' counts no rows, the port has up to 4
; expect-error: isa-port: the layout 'im2row' means nothing; expect-error: isa-port: and the port rows of 4
; expect-error: isa-port: an output has no layout; expect-error: isa-port: rows of 4 columns, a mask has one
; expect-error: isa-port: kv_layout is 'bbhh'; expect-error: isa-port: kv_layout is 'bht'
; expect-error: isa-port: names a cache of keys or of values; expect-error: isa-port: two inputs have this name
; expect-error: isa-port: two inputs have this name; expect-error: isa-port: two inputs have this name
; expect-error: isa-port: tensors have no elements of type q8
.ohm 1
.program whole max_tokens=4 max_chunk=4
.phase run
  .rows t0 free max=4

.port a in f32 4 shape="[1,t0,5]"
.port b in f32 4 shape="[1,tx]"
.port c in f32 4 shape="[1,t0,99999999999]"
.port d in f32 4 shape="[1,t1,4]"
.port e in f32 4 shape="[1,t0,t0]"
.port f in f32 4 shape="[1,4]"
.port g in f32 4 shape="[1,3,4,4]" layout="im2row"
.port h in f32 4 shape="[1,3,4,4]" layout="im2row c=3 h=4 w=4 kh=2 kw=2 sh=2 sw=2"
.port i in f32 4 role=mask shape="[1,t0,4]"
.port j in f32 4 shape="[1,2,t0,2]"
.port j in f32 4 elem=q8 shape="[1,t0,4]"
.port y out f32 4 shape="[1,t0,4]" layout="im2row c=1 h=4 w=4 kh=2 kw=2 sh=2 sw=2"
.port p out pair 2 shape="[1,t0,4]"
.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf o f32 2 depth=1 stride=16 base=64
  .view q x 0..1
  .buf k pair 2 depth=1 stride=16 base=80
  .ring r n_kv=1 q_per_kv=1 d=2 dv=2 slots=4 scale=1 past_key=pk past_value=pv kv_layout=bbhh
  .ring s n_kv=1 q_per_kv=1 d=2 dv=2 slots=4 scale=1 present_key=k kv_layout=bht
  .ring t n_kv=1 q_per_kv=1 d=2 dv=2 slots=4 scale=1 present_key=k2 present_value=v2 kv_layout=tbhd
  .ring u n_kv=1 q_per_kv=1 d=2 dv=2 slots=4 scale=1 past_key=uk past_value=uv kv_layout=bhtd
  .ring u2 n_kv=1 q_per_kv=1 d=2 dv=2 slots=4 scale=1 past_key=uk past_value=uv kv_layout=bhtd
  .ring u3 n_kv=2 q_per_kv=1 d=2 dv=2 slots=4 scale=1 past_key=uk past_value=uv kv_layout=bhtd
  .code run
    in x, a
    in x, b
    in x, c
    in x, d
    in x, e
    in x, f
    in x, g
    in x, h
    in x, i
    in x, %9
    attn o, q, x, r
    attn o, q, x, s
    attn o, q, x, t
    topk k, x, 2, 0
    out x, y, 0
    out k, p, 0
    halt
