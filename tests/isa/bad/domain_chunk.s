; Free domains are bounded. ; expect-error: isa-domain: up to 5 rows, expected at most max_chunk 4
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=5
.tile 0
  .code run
    halt
