; What a phase that comes in steps cannot do.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.port f in f32 4
.tile 0
  .buf x f32 4 depth=4 stride=16
  .buf w f32 8 depth=2 stride=32 base=64
  .buf b f32 4 depth=5 stride=16 base=128 dom=t1
  .table cls f32 1x4 data=0
  .code run
    settl t1, t0, lin, 0x10101 ; expect-error: isa-stream: so many rows a step
    in x, f
    rows.window w, x, _, _, 0x10102
    rows.window w, x, _, _, 0x00102 ; expect-error: isa-operand: sees rows of the next step
    prefix.t1 b, x, cls ; expect-error: isa-operand: phase run streams
    suffix.t1 b, x, cls ; expect-error: isa-operand: phase run streams
    halt
