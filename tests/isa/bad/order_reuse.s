; A channel carries one use at a time.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.port f in f32 4
.channel a f32 4 depth=8 to=1
.channel b f32 4 depth=8 to=1
.tile 0
  .buf x f32 4 depth=1 stride=16
  .code run
    in x, f
    send x, a
    send x, a ; expect-error: isa-order: waits for ever
    send x, b
    halt
.tile 1
  .buf x f32 4 depth=1 stride=16
  .code run
    recv x, b
    recv x, a
    recv x, a
    halt
