; Domains.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.tile 0
  .buf x f32 4 depth=1 stride=16 dom=t1
  .table t f32 16x4 data=256
  .code run
    settl t1, t0, one
    settl t1, t0, one ; expect-error: isa-domain: is set already
    halt
