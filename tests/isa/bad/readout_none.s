; Charge read-out on a chip that has none.
; chip: gain.charge=none
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4
.phase run
  .rows t0 free max=4

; expect-error: isa-readout: charge read-out on a chip without it (gain.charge is none): expected score read-out
.tile 0
  .ring a n_kv=1 q_per_kv=1 d=1 dv=1 slots=16 readout=charge sub_tile=8 v_dd=1 s_sat=1 o_sat=1 cell=256 cell_terms=2 scalings=256
  .code run
    halt
