; Free domains are bounded. ; expect-error: isa-domain: a launch has no bound on its rows
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free
.tile 0
  .code run
    halt
