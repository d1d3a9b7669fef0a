; Writers, readers and slots of rings.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.port f in f32 4
.port m in f32 1
.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf m f32 1 depth=1 stride=16 base=64
  .buf o f32 2 depth=4 stride=16 base=288
  .buf s f32 6 depth=4 stride=32 base=96
  .buf o8 f32 4 depth=1 stride=16 base=224
  .view x2 x 0..1
  .buf l f32 4 depth=1 stride=16 base=240 dom=t1
  .view l2 l 0..1
  .ring a n_kv=1 q_per_kv=1 d=2 dv=2 slots=8 window=6 scale=1
  .ring b n_kv=1 q_per_kv=1 d=2 dv=2 slots=3 mode=all scale=1
  .ring c n_kv=1 q_per_kv=1 d=2 dv=2 slots=16 scale=1
  .ring d n_kv=1 q_per_kv=1 d=2 dv=2 slots=16 mode=cross scale=1
  .ring e n_kv=1 q_per_kv=1 d=2 dv=2 slots=16 scale=1 bias=full bias_table=0 bias_width=4
  .ring f n_kv=1 q_per_kv=1 d=2 dv=2 slots=16 dom=t1 scale=1
  .code run
    settl t1, t0, last
    in x, f
    in m, m
    query o, x2, c ; expect-error: isa-ring: the ring is written behind it
    query o, x2, d ; expect-error: isa-ring: nothing writes the ring
    kvw x, a
    kvw x, a ; expect-error: isa-ring: has written the ring in this phase
    query o, x2, a ; expect-error: isa-ring: 8 slots: rows of a step overwrite keys that others see, expected 9
    kvw x, b ; expect-error: isa-ring: up to 4 rows a step, the ring has 3 slots; expect-error: isa-stream: shows all that is stored
    attn o, x2, x, b ; expect-error: isa-ring: has written the ring in this phase; expect-error: isa-ring: the ring is not causal; expect-error: isa-stream: shows all that is stored
    attn o, x2, x, c
    attn o, x2, x, e ; expect-error: isa-index: the score bias has 4 positions, there are 16
    query o, x, a ; expect-error: isa-operand: operand a has 4 columns, expected 2 (query heads times d); expect-error: isa-ring: 8 slots
    query o8, x2, c ; expect-error: isa-operand: operand d has 4 columns, expected 2 (query heads times dv)
    score s, x2, c ; expect-error: isa-operand: operand d has 6 columns, expected 16 (query heads times slots)
    mix o, s, c ; expect-error: isa-operand: operand a has 6 columns, expected 16
    kvw x, f, m ; expect-error: isa-operand: operand n is f32, expected i32; expect-error: isa-ring: rows of t0, the ring takes those of t1
    halt
