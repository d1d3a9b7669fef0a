; Read-outs that a ring, or the chip's own device, cannot have.
; chip: gain.charge=chip gain.v_dd=0.9 gain.cell=0,0.125,0.25,0.375 gain.q_levels=16 gain.kv_levels=8
; chip: tile.ring_heads=16 gain.out_levels=32 gain.sub_tile=8 gain.s_sat=80 gain.o_sat=40 gain.saturate=both gain.retention=1000000
; chip: gain.score_cells=3 gain.score_levels=8 gain.score_q_levels=256 gain.score_p_levels=17 gain.score_adc_bits=12
.ohm 1
.data "numbers.data" "89d565f6e3341eca91dcacf05526968d" cells=64 tables=512
.program stream max_tokens=16 max_chunk=4 token_period_ns=100
.phase run
  .rows t0 free max=4

.port f in f32 2
.tile 0
  .buf x f32 2 depth=4 stride=8
  .buf o f32 1 depth=1 stride=8 base=64
  .buf s f32 16 depth=4 stride=64 base=128
  .view q x 0..0
  ; The device as it is, and with every number another.
  .ring a n_kv=1 q_per_kv=1 d=1 dv=1 slots=16 scale=1 readout=charge sub_tile=8 v_dd=0.9 s_sat=80 o_sat=40 saturate=both q_levels=16 kv_levels=8 out_levels=32 decay=0.0001 cell=256 cell_terms=4 scalings=256
  .ring b n_kv=1 q_per_kv=1 d=1 dv=1 slots=16 scale=1 readout=charge sub_tile=4 v_dd=1 s_sat=8 o_sat=4 saturate=scores q_levels=17 kv_levels=9 out_levels=33 decay=0.000101 decay_form=product cell=260 cell_terms=3 scalings=256
  ; expect-error: isa-readout: sub_tile is 4, the chip's is 8
  ; expect-error: isa-readout: v_dd is 1, the chip's is 0.9
  ; expect-error: isa-readout: s_sat is 8, the chip's is 80
  ; expect-error: isa-readout: o_sat is 4, the chip's is 40
  ; expect-error: isa-readout: saturate is scores, the chip's is both
  ; expect-error: isa-readout: decay_form is product, the chip's is power
  ; expect-error: isa-readout: q_levels is 17, the chip's is 16
  ; expect-error: isa-readout: kv_levels is 9, the chip's is 8
  ; expect-error: isa-readout: out_levels is 33, the chip's is 32
  ; expect-error: isa-readout: decay is 0.000101 a token, expected 0.0001: a token every 100 ns, cells that keep their charge for 1e+06 ns
  ; expect-error: isa-readout: cell_terms is 3, the chip's is 4
  ; expect-error: isa-readout: coefficient 0 of the cell is 0.125, the chip's is 0
  ; expect-error: isa-readout: coefficient 1 of the cell is 0.25, the chip's is 0.125
  ; expect-error: isa-readout: coefficient 2 of the cell is 0.375, the chip's is 0.25
  ; What takes numbers, which scores in the charge domain are not.
  .ring c n_kv=1 q_per_kv=1 d=1 dv=1 slots=16 scale=1 bias=alibi bias_table=0 readout=charge sub_tile=8 v_dd=0.9 s_sat=80 o_sat=40 saturate=both q_levels=16 kv_levels=8 out_levels=32 decay=0.0001 cell=256 cell_terms=4 scalings=256
  ; expect-error: isa-readout: a score bias with charge read-out
  .ring d n_kv=1 q_per_kv=1 d=1 dv=1 slots=16 scale=1 softcap=1 readout=charge sub_tile=8 v_dd=0.9 s_sat=80 o_sat=40 saturate=both q_levels=16 kv_levels=8 out_levels=32 decay=0.0001 cell=256 cell_terms=4 scalings=256
  ; expect-error: isa-readout: a softcap with charge read-out
  .ring e n_kv=1 q_per_kv=1 d=1 dv=1 slots=16 scale=1 sink=0 readout=charge sub_tile=8 v_dd=0.9 s_sat=80 o_sat=40 saturate=both q_levels=16 kv_levels=8 out_levels=32 decay=0.0001 cell=256 cell_terms=4 scalings=256
  ; expect-error: isa-readout: a sink with charge read-out
  .ring f kind=stored n_kv=1 q_per_kv=1 d=1 dv=1 slots=16 scale=1 readout=charge sub_tile=8 v_dd=0.9 s_sat=80 o_sat=40 saturate=both q_levels=16 kv_levels=8 out_levels=32 decay=0.0001 cell=256 cell_terms=4 scalings=256
  ; expect-error: isa-readout: charge read-out of a ring in dense memory
  .ring g n_kv=1 q_per_kv=1 d=1 dv=1 slots=16 scale=1 readout=charge sub_tile=8 v_dd=0.9 s_sat=80 o_sat=40 saturate=both q_levels=16 kv_levels=8 out_levels=32 decay=0.0001 cell=128 cell_terms=4 scalings=256
  ; expect-error: isa-descriptor: coefficient 0 of the cell is
  ; Score read-out: the chip's levels, and what they need.
  .ring h n_kv=1 q_per_kv=1 d=1 dv=1 slots=16 scale=1 sub_tile=8 kv_levels=512 q_levels=256 p_levels=17 adc_bits=12
  .ring i n_kv=1 q_per_kv=1 d=1 dv=1 slots=16 scale=1 sub_tile=4 kv_levels=8 q_levels=16 p_levels=0 adc_bits=8
  ; expect-error: isa-readout: kv_levels is 8, the chip's is 512
  ; expect-error: isa-readout: q_levels is 16, the chip's is 256
  ; expect-error: isa-readout: p_levels is 0, the chip's is 17
  ; expect-error: isa-readout: adc_bits is 8, the chip's is 12
  ; expect-error: isa-readout: sub_tile is 4, the chip's is 8
  .ring j kind=stored n_kv=1 q_per_kv=1 d=1 dv=1 slots=16 scale=1 kv_levels=512 q_levels=2
  ; expect-error: isa-descriptor: levels or a converter, but no sub_tile
  ; expect-error: isa-descriptor: q_levels is 2: a signed pulse takes at least 3
  ; expect-error: isa-readout: a ring in dense memory holds numbers
  .ring k n_kv=1 q_per_kv=1 d=1 dv=1 slots=16 scale=1 sub_tile=8 kv_levels=512 q_levels=256 p_levels=17 adc_bits=12 sink=0
  .code run
    in x, f
    kvw x, a
    query o, q, a
    score s, q, a ; expect-error: isa-readout: charge read-out has no scores
    mix o, s, a ; expect-error: isa-readout: charge read-out has no scores
    kvw x, k
    score s, q, k ; expect-error: isa-readout: the ring has a sink, which only attn and query put into softmax
    halt
