; More than the chip has.
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

; expect-error: isa-capacity: 5 tiles, the chip has 4: one with --set tile.count=5 would do
.tile 0
  .buf x f32 4 depth=64 stride=16 base=16 ; expect-error: isa-capacity: ends at byte 1040 of a scratchpad of 1024: a chip with --set tile.scratchpad=1040 would do
  .buf y f32 4 depth=100 stride=16 space=mem ; expect-error: isa-capacity: 2112 bytes of tables, stored weights, rings and rows in a memory of 2048: a chip with --set tile.memory=2112 would do
  .table t f32 16x4 data=256
  .table u f32 8x4 data=256
  .group g 4x8 kind=stored cells=0 scale=256
  .ring s kind=stored n_kv=1 q_per_kv=1 d=1 dv=1 slots=28 scale=1
  .code run
    halt
.tile 1
  .ring a n_kv=7 q_per_kv=1 d=2 dv=2 slots=33 scale=1 ; expect-error: isa-capacity: 33 slots, a head has 32: a chip with --set gain.slots=33 would do
  .ring b n_kv=1 q_per_kv=1 d=17 dv=2 slots=4 readout=charge sub_tile=4 v_dd=1 s_sat=1 o_sat=1 cell=256 cell_terms=2 scalings=256 ; expect-error: isa-capacity: keys of 17 columns: 1 K arrays of 16 can be summed before the pulse; up to 16 columns fit
  .ring c n_kv=1 q_per_kv=1 d=40 dv=40 slots=4 scale=1
  .code run ; expect-error: isa-capacity: 9 key/value heads (all rings, 1 banks), a tile has 8: a chip with --set tile.ring_heads=9 would do
    halt
.tile 2
  .code run
    halt
.tile 3
  .code run
    halt
.tile 4
  .code run
    halt
