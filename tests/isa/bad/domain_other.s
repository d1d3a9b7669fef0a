; A domain is the same on all tiles.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.tile 0
  .code run
    settl t1, t0, one
    halt
.tile 1
  .code run
    settl t1, t0, last ; expect-error: isa-domain: is another on a tile before
    halt
