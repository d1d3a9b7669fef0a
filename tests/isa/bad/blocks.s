; Blocks outside their crossbars, on the same cells, of the same or of missing weights.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

.tile 0
  .group a 4x8 cells=0 scale=256 ; expect-error: isa-block: blocks hold 24 weights of 32
    .block 4x4 ; expect-error: isa-block: stands on the same cells as block
    .block 2x4 row0=2 col0=2 n0=4
  .group b 4x8 cells=0 scale=256
    .block 4x4 crossbar=4 ; expect-error: isa-block: crossbar 4 of 4: a chip with --set tile.crossbars=5 would do
    .block 4x4 crossbar=1 n0=4 row0=13 ; expect-error: isa-block: rows 13 + 4 of a crossbar with 16
  .group c 4x8 cells=0 scale=256
    .block 4x4 crossbar=2 col0=13 ; expect-error: isa-block: columns 13 + 4 of a crossbar with 16
    .block 4x4 crossbar=3 n0=2 ; expect-error: isa-block: holds the same weights as block
  .group d 4x8 cells=0 scale=256 ; expect-error: isa-block: blocks hold 0 weights of 32
  .code run
    halt
