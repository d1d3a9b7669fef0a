; Sends and receives that do not match.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.port f in f32 4
.channel a f32 4 depth=1 to=1,1 ; expect-error: isa-channel: tile 1 is named twice as destination
.channel b f32 4 depth=1 to=1 ; expect-error: isa-channel: tile 0 sends on it 1 times, tile 1 receives 2 times
.channel c f32 4 depth=1 source=1 to=0
.channel d f32 4 depth=1 to=1
.tile 0
  .buf x f32 4 depth=1 stride=16
  .code run
    in x, f
    send x, b
    send x, c ; expect-error: isa-channel: tile 1 sends on this channel
    halt
.tile 1
  .buf x f32 4 depth=1 stride=16
  .code run
    recv x, b
    recv x, b
    recv x, c ; expect-error: isa-channel: no destination of the channel
    halt
