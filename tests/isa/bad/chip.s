; Compiled for another chip. ; expect-error: sim-chip: compiled for another chip: 
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.tile 0
  .code run
    halt
.chip
|name: other
|summary: "another"
