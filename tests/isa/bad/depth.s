; Buffers and channels that keep too few rows.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=8 max_chunk=8
.phase run
  .rows t0 free max=4

.port f in f32 4
.channel late f32 4 depth=2 to=1
.channel soon f32 4 depth=1 to=1
.tile 0
  .buf x f32 4 depth=3 stride=16
  .buf w f32 12 depth=1 stride=48 base=48
  .buf r f32 4 depth=1 stride=16 base=96
  .buf m f32 4 depth=1 stride=16 base=112 dom=t1
  .buf y f32 4 depth=1 stride=16 base=128
  .buf v f32 4 depth=2 stride=16 base=144
  .buf k f32 12 depth=1 stride=48 base=192
  .code run
    settl t1, t0, one
    in x, f
    copy v, x
    rows.window w, v, _, _, 0x10103 ; expect-error: isa-depth: buffer 5 'v' keeps 2 rows, expected 3: this is up to 2 rows behind its writer
    rred.t1 m, x, mean ; expect-error: isa-depth: buffer 0 'x' keeps 3 rows, expected 4
    ew2 y, x, m, add
    send v, late
    send y, soon
    halt
.tile 1
  .buf a f32 4 depth=1 stride=16
  .buf b f32 4 depth=4 stride=16 base=16
  .code run
    recv a, soon
    recv b, late
    ew2 b, a, b, add
    halt
