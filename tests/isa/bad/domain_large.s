; Domains.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program whole max_tokens=8 max_chunk=8
.phase run
  .rows t0 free max=4

.tile 0
  .code run
    settl t1, t0, prefix, 17000000 ; expect-error: isa-domain: t1 has up to 17000004 rows
    halt
