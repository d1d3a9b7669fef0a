; A queue that is too short for what its receiver waits for first.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=8 max_chunk=8
.phase run
  .rows t0 free max=4

.port f in f32 4
.channel c f32 4 depth=2 to=1
.channel d f32 12 depth=1 to=1
.tile 0
  .buf x f32 4 depth=3 stride=16
  .buf w f32 12 depth=1 stride=48 base=48
  .code run
    in x, f
    send x, c
    rows.window w, x, _, _, 0x00103
    send w, d
    halt
.tile 1
  .buf w f32 12 depth=1 stride=48
  .buf y f32 4 depth=1 stride=16 base=48
  .code run
    recv w, d
    red y, w, sum
    recvadd y, y, c ; expect-error: isa-depth: the channel keeps 2 rows, expected 3: this is up to 2 rows behind the send
    halt
