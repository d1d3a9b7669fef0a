.ohm 1
.tool "ohmic 0.1.0"
.data "round.s.data" "33a2ba07ef058edcbfb55e091e861fbd" cells=4288 tables=768
.program stream max_tokens=512 max_chunk=64 banks=1 token_period_ns=0
.phase run
  .rows t0 free max=64
.port ids in i32 1 elem=i64 role=tokens hi=16 shape="[1,t0]"
.port logits out f32 16 shape="[1,t0,16]"

.tile 0
  .buf "" i32 1 depth=4 stride=16
  .buf "" f32 8 depth=4 stride=32 base=64
  .buf "" q8 8 quant=sym depth=4 stride=32 base=192
  .buf "" f32 12 depth=4 stride=48 base=320
  .buf "" q8 12 quant=static depth=4 stride=32 base=512 scale=0.003775529
  .buf "" f32 16 depth=4 stride=64 base=640
  .group g.w1.q 8x12 cells=0 scale=512 colsum=576
    .block 8x12
  .group g.w2.q 12x16 cells=4096 scale=640 colsum=704
    .block 12x16 crossbar=1
  .table wte f32 16x8 data=0
  .code run
    in %0, ids                               @0 "ids"
    gather %1, %0, wte                       @1 "/Gather"
    copy %2, %1                              @2 "/MatMul"
    mvm %3, %2, g.w1.q                       @3 "/MatMul"
    ew1 %4, %3, relu                         @4 "/Relu" "/MatMul"
    mvm %5, %4, g.w2.q                       @5 "/MatMul"
    out %5, logits, 0                        @6 "/MatMul"
    halt

.chip
|name: "ohmic-1"
|summary: "RRAM crossbars, gain-cell heads and digital units: the default chip"
|tile:
|  count: {value: 4096, unit: "tiles", source: "assumed: room for BERT-Large (303 M weights are 2312 tiles)"}
|  crossbars: {value: 8, unit: "crossbars", source: "assumed: one half of a layer of width 128 with its feed-forward part of 512; 32 arrays a tile, ISAAC has 96"}
|  ring_heads: {value: 16, unit: "heads", source: "assumed: all heads of a layer of BERT-Large in one tile"}
|  scratchpad: {value: 65536, unit: "bytes", source: "ISAAC (ISCA 2016) Table I [V2]: 64 KB eDRAM a tile"}
|  memory: {value: 0, unit: "bytes", source: "assumed: no limit until dense memory has an area"}
|  active_set: {value: 64, unit: "instructions", source: "assumed: longer than the line of a layer"}
|crossbar:
|  rows: {value: 128, unit: "word lines", source: "ISAAC (ISCA 2016) Table I [V2]"}
|  columns: {value: 128, unit: "weights", source: "assumed: 128 weights are 4 arrays of ISAAC (ISCA 2016) Table I [V2] side by side"}
|  weight_bits: {value: 8, unit: "bits", source: "assumed: INT8 weights as in Wang et al. 2025 [V2]"}
|  cell_bits: {value: 2, unit: "bits", source: "ISAAC (ISCA 2016) Table I [V2]"}
|  encoding: {value: differential, source: "assumed: pairs G+ and G-, subtracted before the converter; sums stay near zero, so that a converter two bits narrower than lossless (10) clips next to never (bench/adc.sh)"}
|  input_bits: {value: 8, unit: "bits", source: "assumed: INT8 activations as in Wang et al. 2025 [V2]"}
|  dac_bits: {value: 1, unit: "bits", source: "ISAAC (ISCA 2016) Table I [V2]"}
|  adc_bits: {value: 5, unit: "bits", source: "set by hand"}
|  adc_step: {value: 3, unit: "cell units", source: "set by hand"}
|  columns_per_adc: {value: 16, unit: "columns", source: "assumed: 8 ADCs an array; ISAAC shares one among 128 columns"}
|gain:
|  slots: {value: 1024, unit: "tokens", source: "Leroux et al. 2025: window M = 1024 [V2]"}
|  sub_tile: {value: 64, unit: "tokens", source: "Leroux et al. 2025 [V]"}
|  head_width: {value: 64, unit: "columns", source: "Leroux et al. 2025: d = 64 [V2]"}
|  k_arrays_summed: {value: 1, unit: "arrays", source: "assumed: the activation stands behind each array"}
|  charge: {value: chip, source: "Leroux et al. 2025: phi(QK)V without a digital step between the arrays [V2]"}
|  v_dd: {value: 0.9, unit: "V", source: "Leroux et al. 2025, nonlinear model's code [V]"}
|  cell: {value: [0.52136361391, 13.612260634, -2.620445619, 46.05483778], unit: "charge", source: "Leroux et al. 2025, SPICE fit c_ij of the authors' code [V], folded with V_in = 0.9: p_i = sum_j c_ij 0.9^j [D]"}
|  q_levels: {value: 16, unit: "levels", source: "Leroux et al. 2025 [V]: 1 ns steps of the 15 ns pulse [D]"}
|  kv_levels: {value: 8, unit: "levels", source: "Leroux et al. 2025: 3-bit storage DACs [V]"}
|  out_levels: {value: 32, unit: "levels", source: "Leroux et al. 2025: 5 bits with sign [V]"}
|  s_sat: {value: 80, unit: "charge", source: "Leroux et al. 2025 [V]"}
|  o_sat: {value: 40, unit: "charge", source: "Leroux et al. 2025 [V]"}
|  saturate: {value: both, source: "Leroux et al. 2025 [V]"}
|  retention: {value: 5000000, unit: "ns", source: "Leroux et al. 2025: 5 ms, CMOS cell [V2]"}
|  decay_form: {value: power, source: "Leroux et al. 2025 [V]: the i-th power of a deviation times D^i; golden files of older code: product"}
|  score_cells: {value: 0, unit: "cells", source: "default"}
|  score_levels: {value: 8, unit: "levels", source: "default"}
|  score_q_levels: {value: 0, unit: "levels", source: "default"}
|  score_p_levels: {value: 0, unit: "levels", source: "default"}
|  score_adc_bits: {value: 0, unit: "bits", source: "default"}
|  skip_empty: {value: off, source: "default"}
|digital:
|  format: {value: f32, source: "assumed: exact enough that only analog effects show"}
|  lanes: {value: 32, unit: "lanes", source: "assumed: a norm of 128 columns takes 16 ns, less than a crossbar row of 128"}
|router:
|  width: {value: 16, unit: "bytes/ns", source: "assumed: 512 bytes in 32 ns, less than a crossbar row of 128"}
|  queue: {value: 4, unit: "rows", source: "assumed: four rows hide a hop"}
|time:
|  issue: {value: 1, unit: "ns", source: "assumed: as bench-1"}
|  settle: {value: 10, unit: "ns", source: "assumed: as bench-1"}
|  conversion: {value: 1, unit: "ns", source: "assumed: as bench-1"}
|  combine: {value: 4, unit: "ns", source: "assumed: as bench-1"}
|  gain_score: {value: 15, unit: "ns", source: "Leroux et al. 2025: T_max = 15 ns [V]"}
|  gain_mix: {value: 15, unit: "ns", source: "Leroux et al. 2025: T_max = 15 ns [V]"}
|  gain_read: {value: 15, unit: "ns", source: "assumed: 16-level counter at 1 GHz; with the other phases 65 ns a token, Leroux et al. 2025 plot_energy.py [V]"}
|  gain_add: {value: 1, unit: "ns", source: "assumed: one addition at 1 GHz"}
|  gain_sum: {value: 4, unit: "ns", source: "assumed: what is left of 65 ns for 16 sub-tiles"}
|  memory: {value: 20, unit: "ns", source: "assumed: as bench-1"}
|  hop: {value: 4, unit: "ns", source: "assumed: as bench-1: 36 ns for 512 bytes at 16 bytes/ns"}
|energy:
|  conversion: {value: 1.67, unit: "pJ", source: "ISAAC ADC at 8 bits in the Accelergy library [V]"}
|  dac: {value: 0.39, unit: "pJ", source: "ISAAC (ISCA 2016) Table I [V2]"}
|  array: {value: 30, unit: "pJ", source: "ISAAC (ISCA 2016): 1.83 fJ a cell and phase, 16384 cells [V2]"}
|  shift_add: {value: 0.05, unit: "pJ", source: "assumed: as bench-1"}
|  gain_k: {value: 70, unit: "pJ", source: "Leroux et al. 2025, plot_energy.py [V]: 1120 pJ for 16 arrays"}
|  gain_v: {value: 43.75, unit: "pJ", source: "Leroux et al. 2025, plot_energy.py [V]: 700 pJ for 16 arrays"}
|  gain_digital: {value: 250, unit: "pJ", source: "Leroux et al. 2025, plot_energy.py [V]: 4000 pJ for 16 sub-tiles"}
|  gain_write: {value: 2.578125, unit: "pJ", source: "Leroux et al. 2025, plot_energy.py [V]: 330 pJ for 128 values"}
|  lane: {value: 1, unit: "pJ", source: "assumed: as bench-1"}
|  scratchpad: {value: 2, unit: "pJ", source: "ISAAC (ISCA 2016): eDRAM 2.02 pJ a byte [V2]"}
|  memory: {value: 3, unit: "pJ", source: "assumed: as bench-1"}
|  link: {value: 1.1, unit: "pJ", source: "ISAAC (ISCA 2016): 4.4 pJ a 32-bit flit and hop [V2]"}

.ir
|module {stage = "mapped", after = "allocate", class = "stream", max_chunk = 64, max_tokens = 512}
|domain t0 {kind = "free", max = 512}
|tensor @wte : f32[16,8] = "f9fe3a6f999abb001556ba60505b4653"
|tensor @w1.q : i8[8,12] = "c52922c7f2599c6074a7ca65770675b3"
|tensor @w1.s : f32[12] = [0.003937008, 0.0028297245, 0.003690945, 0.0018454725, 0.003937008, 0.0030757873, 0.003690945, 0.0038139764, 0.00246063, 0.0038139764, 0.002214567, 0.0038139764]
|tensor @w2.q : i8[12,16] = "cd800e0014655650c6c056bf674dc467"
|tensor @w2.s : f32[16] = [0.003937008, 0.0033218504, 0.003198819, 0.0038139764, 0.0034448819, 0.0030757873, 0.003690945, 0.0035679133, 0.002952756, 0.0035679133, 0.003690945, 0.0030757873, 0.0034448819, 0.0038139764, 0.003198819, 0.0033218504]
|group @g.w1.q {k0 = 0, k1 = 8, n0 = 0, n1 = 12, tile = 0, weights = [@w1.q], wscale = [@w1.s], wtrans = [0], xbar = 0}
|group @g.w2.q {k0 = 0, k1 = 12, n0 = 0, n1 = 16, tile = 0, weights = [@w2.q], wscale = [@w2.s], wtrans = [0], xbar = 1}
|proof "input 'ids' is [1, t0]: 37, 41 and 43 tokens at the probes"
|proof "the same 8 values at 37, 41, 43 and 512 tokens"
|proof "executed at 37 tokens: as the export within 1.0e-04, and in steps of one and seeded cuts to the bit"
|note "static activation scales calibrated on 1024 seeded random rows: give --calibrate FILE for real text"
|
|func @run(%ids "ids" : i32[t0] {onnx_shape = ["1", "t0"], onnx_type = "i64", range_hi = 16, range_lo = 0, role = "tokens"}) -> (_ "logits" {onnx_shape = ["1", "t0", "16"], onnx_type = "f32"}) {max_chunk = 64} {
|  %1 = io.in {at = 0, depth = 4, port = "ids", space = "pad", tile = 0} : i32[t0] loc("ids")
|  %2 = mem.gather %1 {at = 64, depth = 4, space = "pad", table = @wte, tile = 0} : f32[t0,8] loc("/Gather")
|  %3 = dig.copy %2 {at = 192, depth = 4, quant = "sym", space = "pad", tile = 0} : q8[t0,8] loc("/MatMul")
|  %4 = xbar.mvm %3 {at = 320, depth = 4, group = @g.w1.q, space = "pad", tile = 0} : f32[t0,12] loc("/MatMul")
|  %5 = dig.ew1 %4 {at = 512, depth = 4, fn = "relu", quant = "static", scale = 0.003775529097765684, space = "pad", tile = 0, zero = 0} : q8[t0,12] loc("/Relu", "/MatMul")
|  %6 = xbar.mvm %5 {at = 640, depth = 4, group = @g.w2.q, space = "pad", tile = 0} : f32[t0,16] loc("/MatMul")
|  io.out %6 {col0 = 0, port = "logits", tile = 0} loc("/MatMul")
|}

.proof
|input 'ids' is [1, t0]: 37, 41 and 43 tokens at the probes
|the same 8 values at 37, 41, 43 and 512 tokens
|executed at 37 tokens: as the export within 1.0e-04, and in steps of one and seeded cuts to the bit

.notes
|static activation scales calibrated on 1024 seeded random rows: give --calibrate FILE for real text
