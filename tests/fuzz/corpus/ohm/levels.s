.ohm 1
.tool "ohmic 0.1.0"
.data "levels.s.data" "44275f1e2f119f96fd27e911663f439a" cells=12312 tables=792
.program stream max_tokens=8 max_chunk=12 banks=1 token_period_ns=0
.phase encode
  .rows t1 free max=12
.phase step
  .rows t0 free max=4
.port input_ids in i32 1 elem=i64 dom=t1 role=tokens hi=6 shape="[1,t1]"
.port attention_mask in i32 1 elem=i64 dom=t1 role=mask hi=2 shape="[1,t1]"
.port decoder_input_ids in i32 1 elem=i64 role=tokens hi=6 shape="[1,t0]"
.port encoder_last_hidden_state out f32 4 dom=t1 shape="[1,t1,4]"
.port logits out f32 6 shape="[1,t0,6]"

.tile 0
  .buf "" i32 1 dom=t1 depth=4 stride=16
  .buf e f32 4 dom=t1 depth=12 stride=16 base=64
  .buf "" q8 4 dom=t1 quant=sym depth=4 stride=32 base=256
  .buf "" f32 12 dom=t1 depth=12 stride=48 base=384
  .buf "" i32 1 dom=t1 depth=12 stride=16 base=960
  .buf ea f32 4 dom=t1 depth=4 stride=16
  .buf er f32 4 dom=t1 depth=4 stride=16 base=256
  .buf memory f32 4 dom=t1 depth=4 stride=16 base=320
  .buf "" q8 4 dom=t1 quant=sym depth=4 stride=32 base=1152
  .buf "" f32 8 dom=t1 depth=4 stride=32 base=1280
  .view "" %3 4..7
  .view "" %3 8..11
  .view "" %3 0..3
  .view "" %9 0..3
  .view "" %9 4..7
  .view "" %3 4..11
  .buf "" i32 1 depth=4 stride=16
  .buf x f32 4 depth=4 stride=16 base=64
  .buf p f32 4 depth=4 stride=16 base=128
  .buf d f32 4 depth=4 stride=16 base=192
  .buf "" q8 4 quant=sym depth=4 stride=32 base=256
  .buf "" f32 12 depth=4 stride=48 base=384
  .buf a f32 4 depth=4 stride=16 base=576
  .buf da f32 4 depth=4 stride=16 base=640
  .buf "" q8 4 quant=sym depth=4 stride=32 base=704
  .buf "" f32 4 depth=4 stride=16 base=832
  .buf c f32 4 depth=4 stride=16 base=896
  .buf dc f32 4 depth=4 stride=16 base=960
  .buf n q8 4 quant=sym depth=4 stride=32 base=1024
  .buf "" f32 6 depth=4 stride=32 base=1152
  .view "" %21 0..3
  .view "" %21 4..7
  .view "" %21 8..11
  .view "" %21 4..11
  .group g.wq.q 4x12 cells=0 scale=128 colsum=192
    .block 4x12
  .group g.wk.q 4x8 cells=4096 scale=320 colsum=384
    .block 4x8 crossbar=3
  .group g.wx.q 4x4 cells=8192 scale=576 colsum=640
    .block 4x4 crossbar=1
  .group g.wo.q 4x6 cells=12288 scale=704 colsum=768
    .block 4x6 crossbar=2
  .ring r.enc mode=all dom=t1 n_kv=2 q_per_kv=1 d=2 dv=2 slots=12 scale=0.5 sub_tile=4 kv_levels=512 q_levels=15 p_levels=16 adc_bits=6
  .ring r.cross mode=cross dom=t1 n_kv=2 q_per_kv=1 d=2 dv=2 slots=12 scale=0.5 sub_tile=4 kv_levels=512 q_levels=15 p_levels=16 adc_bits=6
  .ring r.dec n_kv=2 q_per_kv=1 d=2 dv=2 slots=8 scale=0.5 sub_tile=4 kv_levels=512 q_levels=15 p_levels=16 adc_bits=6
  .table wte f32 6x4 data=0
  .table g f32 1x4 data=256
  .table wpe f32 8x4 data=448
  .code encode
    in.t1 %0, input_ids                      @0 "input_ids"
    gather.t1 e, %0, wte                     @1 "/encoder/embed"
    copy.t1 %2, e                            @2 "/encoder/q"
    mvm.t1 %3, %2, g.wq.q                    @3 "/encoder/q" "/encoder/k" "/encoder/v"
    in.t1 %4, attention_mask                 @6 "attention_mask"
    kvw.t1 %15, r.enc, %4                    @7 "/encoder/attention"
    query.t1 ea, %12, r.enc                  @9 "/encoder/attention"
    ew2.t1 er, e, ea, add                    @10 "/encoder/add"
    norm.rms.t1 memory, er, g, 1e-6          @11 "/encoder/norm"
    copy.t1 %8, memory                       @12 "/decoder/cross/k"
    mvm.t1 %9, %8, g.wk.q                    @13 "/decoder/cross/k" "/decoder/cross/v"
    kvw.t1 %9, r.cross, %4                   @16 "/decoder/cross/attention"
    out.t1 memory, encoder_last_hidden_state, 0 @17 "/encoder/norm"
    halt
  .code step
    in %16, decoder_input_ids                @0 "decoder_input_ids"
    gather x, %16, wte                       @1 "/decoder/embed"
    posrow p, wpe                            @2
    ew2 d, x, p, add                         @3 "/decoder/positions"
    copy %20, d                              @4 "/decoder/q"
    mvm %21, %20, g.wq.q                     @5 "/decoder/q" "/decoder/k" "/decoder/v"
    attn a, %30, %33, r.dec                  @9 "/decoder/attention"
    ew2 da, d, a, add                        @10 "/decoder/add"
    copy %24, da                             @11 "/decoder/cross/q"
    mvm %25, %24, g.wx.q                     @12 "/decoder/cross/q"
    query c, %25, r.cross                    @13 "/decoder/cross/attention"
    ew2 dc, da, c, add                       @14 "/decoder/add2"
    norm.rms n, dc, g, 1e-6                  @15 "/decoder/norm" "/lm_head"
    mvm %29, n, g.wo.q                       @16 "/lm_head"
    out %29, logits, 0                       @17 "/lm_head"
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
|  adc_bits: {value: 8, unit: "bits", source: "ISAAC (ISCA 2016) Table I [V2]; the narrowest that holds 1 % of perplexity (bench/adc.sh)"}
|  adc_step: {value: 1, unit: "cell units", source: "assumed: one code, one cell unit; sums outside -128 ... 127 clip (bench/adc.sh compares other steps)"}
|  columns_per_adc: {value: 16, unit: "columns", source: "assumed: 8 ADCs an array; ISAAC shares one among 128 columns"}
|gain:
|  slots: {value: 1024, unit: "tokens", source: "Leroux et al. 2025: window M = 1024 [V2]"}
|  sub_tile: {value: 4, unit: "tokens", source: "set by hand"}
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
|  score_cells: {value: 3, unit: "cells", source: "set by hand"}
|  score_levels: {value: 8, unit: "levels", source: "set by hand"}
|  score_q_levels: {value: 15, unit: "levels", source: "set by hand"}
|  score_p_levels: {value: 16, unit: "levels", source: "set by hand"}
|  score_adc_bits: {value: 6, unit: "bits", source: "set by hand"}
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
|module {stage = "mapped", after = "allocate", class = "stream", max_chunk = 4, max_tokens = 8}
|domain t0 {kind = "free", max = 8}
|domain t1 {kind = "free", max = 12}
|tensor @wte : f32[6,4] = [-0.53125, 0.09375, -0.265625, 0.203125, 0.25, -0.875, -0.96875, 0.671875, -0.484375, -0.53125, 0.984375, -0.0625, 0.671875, -0.046875, 0.28125, -0.703125, 0.265625, 0.734375, 0.046875, 0.484375, 0.34375, -0.875, 0.515625, 0.1875]
|tensor @wpe : f32[8,4] = [-0.390625, -0.9375, 0.734375, -0.046875, 0.4375, 0.75, 0.421875, 0.84375, -0.203125, 0.609375, -0.109375, 0.875, 0.75, -0.8125, -0.734375, -0.5625, 0.9375, -0.125, 0.25, -0.390625, 0.015625, -0.234375, -0.296875, 0.171875, 0.171875, 0.8125, 0.359375, 0.859375, 0.71875, 0.984375, 0.34375, -0.671875]
|tensor @g : f32[4] = [-0.375, -0.5625, 0.609375, -0.515625]
|ring @r.dec {adc_bits = 6, bias = "none", d = 2, dv = 2, kv_levels = 512, mode = "causal", n_kv = 2, p_levels = 16, q_levels = 15, q_per_kv = 1, scale = 0.5, slots = 8, softcap = 0, sub_tile = 4, tile = 0, window = 0}
|ring @r.enc {adc_bits = 6, bias = "none", d = 2, dv = 2, kv_levels = 512, mode = "all", n_kv = 2, p_levels = 16, q_levels = 15, q_per_kv = 1, scale = 0.5, slots = 12, softcap = 0, sub_tile = 4, tile = 0, window = 0}
|ring @r.cross {adc_bits = 6, bias = "none", d = 2, dv = 2, kv_levels = 512, mode = "cross", n_kv = 2, p_levels = 16, q_levels = 15, q_per_kv = 1, scale = 0.5, slots = 12, softcap = 0, sub_tile = 4, tile = 0, window = 0}
|tensor @wq.q : i8[4,4] = [110, 127, 127, 18, 65, -80, 103, 18, -67, -121, 110, 127, -127, 82, -27, -91]
|tensor @wq.s : f32[4] = [0.0065206694, 0.007258858, 0.006397638, 0.0077509843]
|tensor @wk.q : i8[4,4] = [-67, 70, 127, -115, 39, -119, 74, -44, 127, 127, 3, 127, -62, -111, 34, -119]
|tensor @wk.s : f32[4] = [0.006028543, 0.007627953, 0.005905512, 0.007874016]
|tensor @wv.q : i8[4,4] = [-84, -32, 74, -95, -127, 127, -127, 127, 110, -43, -26, 6, 39, 32, 42, 32]
|tensor @wv.s : f32[4] = [0.007258858, 0.0057824804, 0.002952756, 0.007258858]
|tensor @wx.q : i8[4,4] = [83, 123, -127, -25, 44, -48, -67, -102, -62, 25, -103, -68, 127, -127, 36, 127]
|tensor @wx.s : f32[4] = [0.004306102, 0.0075049214, 0.003937008, 0.003690945]
|tensor @wo.q : i8[4,6] = [117, 7, -44, 56, -71, -57, 127, 20, 29, -127, -23, 23, -127, 100, 83, -113, 33, -9, 48, -127, 127, 60, -127, -127]
|tensor @wo.s : f32[6] = [0.0075049214, 0.0023375985, 0.003198819, 0.0077509843, 0.0075049214, 0.0068897638]
|group @g.wq.q {k0 = 0, k1 = 4, n0 = 0, n1 = 12, tile = 0, weights = [@wq.q, @wk.q, @wv.q], wscale = [@wq.s, @wk.s, @wv.s], wtrans = [0, 0, 0], xbar = 0}
|group @g.wx.q {k0 = 0, k1 = 4, n0 = 0, n1 = 4, tile = 0, weights = [@wx.q], wscale = [@wx.s], wtrans = [0], xbar = 1}
|group @g.wk.q {k0 = 0, k1 = 4, n0 = 0, n1 = 8, tile = 0, weights = [@wk.q, @wv.q], wscale = [@wk.s, @wv.s], wtrans = [0, 0], xbar = 3}
|group @g.wo.q {k0 = 0, k1 = 4, n0 = 0, n1 = 6, tile = 0, weights = [@wo.q], wscale = [@wo.s], wtrans = [0], xbar = 2}
|note "attention of /decoder/attention (and 2 more): is read out as scores, keys and values of 512 levels, queries of 15, probabilities of 16, converted to 6 bits"
|note "--calibrate FILE (texts, or JSON lists of token ids) would measure what this does to perplexity"
|
|func @encode(%src "input_ids" : i32[t1] {onnx_shape = ["1", "t1"], onnx_type = "i64", range_hi = 6, range_lo = 0, role = "tokens"}, %mask "attention_mask" : i32[t1] {onnx_shape = ["1", "t1"], onnx_type = "i64", range_hi = 2, range_lo = 0, role = "mask"}) -> (_ "encoder_last_hidden_state" {onnx_shape = ["1", "t1", "4"], onnx_type = "f32"}) {class = "whole", max_chunk = 12} {
|  %1 = io.in {at = 0, depth = 4, port = "input_ids", space = "pad", tile = 0} : i32[t1] loc("input_ids")
|  %e = mem.gather %1 {at = 64, depth = 12, space = "pad", table = @wte, tile = 0} : f32[t1,4] loc("/encoder/embed")
|  %2 = dig.copy %e {at = 256, depth = 4, quant = "sym", space = "pad", tile = 0} : q8[t1,4] loc("/encoder/q")
|  %3 = xbar.mvm %2 {at = 384, depth = 12, group = @g.wq.q, space = "pad", tile = 0} : f32[t1,12] loc("/encoder/q", "/encoder/k", "/encoder/v")
|  %4 = row.cols %3 {from = 4, tile = 0, until = 8} : f32[t1,4] loc("/encoder/k")
|  %5 = row.cols %3 {from = 8, tile = 0, until = 12} : f32[t1,4] loc("/encoder/v")
|  %6 = io.in {at = 960, depth = 12, port = "attention_mask", space = "pad", tile = 0} : i32[t1] loc("attention_mask")
|  gc.write %4, %5, %6 {ring = @r.enc, tile = 0} loc("/encoder/attention")
|  %7 = row.cols %3 {from = 0, tile = 0, until = 4} : f32[t1,4] loc("/encoder/q")
|  %ea = gc.query %7 {at = 0, depth = 4, ring = @r.enc, space = "pad", tile = 0} : f32[t1,4] loc("/encoder/attention")
|  %er = dig.ew2 %e, %ea {at = 256, depth = 4, fn = "add", space = "pad", tile = 0} : f32[t1,4] loc("/encoder/add")
|  %memory = dig.norm %er {at = 320, depth = 4, eps = 1e-06, mode = "rms", space = "pad", tile = 0, weights = [@g]} : f32[t1,4] loc("/encoder/norm")
|  %8 = dig.copy %memory {at = 1152, depth = 4, quant = "sym", space = "pad", tile = 0} : q8[t1,4] loc("/decoder/cross/k")
|  %9 = xbar.mvm %8 {at = 1280, depth = 4, group = @g.wk.q, space = "pad", tile = 0} : f32[t1,8] loc("/decoder/cross/k", "/decoder/cross/v")
|  %10 = row.cols %9 {from = 0, tile = 0, until = 4} : f32[t1,4] loc("/decoder/cross/k")
|  %11 = row.cols %9 {from = 4, tile = 0, until = 8} : f32[t1,4] loc("/decoder/cross/v")
|  gc.write %10, %11, %6 {ring = @r.cross, tile = 0} loc("/decoder/cross/attention")
|  io.out %memory {col0 = 0, port = "encoder_last_hidden_state", tile = 0} loc("/encoder/norm")
|}
|
|func @step(%tgt "decoder_input_ids" : i32[t0] {onnx_shape = ["1", "t0"], onnx_type = "i64", range_hi = 6, range_lo = 0, role = "tokens"}) -> (_ "logits" {onnx_shape = ["1", "t0", "6"], onnx_type = "f32"}) {class = "stream", max_chunk = 4} {
|  %1 = io.in {at = 0, depth = 4, port = "decoder_input_ids", space = "pad", tile = 0} : i32[t0] loc("decoder_input_ids")
|  %x = mem.gather %1 {at = 64, depth = 4, space = "pad", table = @wte, tile = 0} : f32[t0,4] loc("/decoder/embed")
|  %p = mem.posrow {at = 128, depth = 4, space = "pad", table = @wpe, tile = 0} : f32[t0,4]
|  %d = dig.ew2 %x, %p {at = 192, depth = 4, fn = "add", space = "pad", tile = 0} : f32[t0,4] loc("/decoder/positions")
|  %2 = dig.copy %d {at = 256, depth = 4, quant = "sym", space = "pad", tile = 0} : q8[t0,4] loc("/decoder/q")
|  %3 = xbar.mvm %2 {at = 384, depth = 4, group = @g.wq.q, space = "pad", tile = 0} : f32[t0,12] loc("/decoder/q", "/decoder/k", "/decoder/v")
|  %4 = row.cols %3 {from = 0, tile = 0, until = 4} : f32[t0,4] loc("/decoder/q")
|  %5 = row.cols %3 {from = 4, tile = 0, until = 8} : f32[t0,4] loc("/decoder/k")
|  %6 = row.cols %3 {from = 8, tile = 0, until = 12} : f32[t0,4] loc("/decoder/v")
|  %a = gc.attn %4, %5, %6 {at = 576, depth = 4, ring = @r.dec, space = "pad", tile = 0} : f32[t0,4] loc("/decoder/attention")
|  %da = dig.ew2 %d, %a {at = 640, depth = 4, fn = "add", space = "pad", tile = 0} : f32[t0,4] loc("/decoder/add")
|  %7 = dig.copy %da {at = 704, depth = 4, quant = "sym", space = "pad", tile = 0} : q8[t0,4] loc("/decoder/cross/q")
|  %8 = xbar.mvm %7 {at = 832, depth = 4, group = @g.wx.q, space = "pad", tile = 0} : f32[t0,4] loc("/decoder/cross/q")
|  %c = gc.query %8 {at = 896, depth = 4, ring = @r.cross, space = "pad", tile = 0} : f32[t0,4] loc("/decoder/cross/attention")
|  %dc = dig.ew2 %da, %c {at = 960, depth = 4, fn = "add", space = "pad", tile = 0} : f32[t0,4] loc("/decoder/add2")
|  %n = dig.norm %dc {at = 1024, depth = 4, eps = 1e-06, mode = "rms", quant = "sym", space = "pad", tile = 0, weights = [@g]} : q8[t0,4] loc("/decoder/norm", "/lm_head")
|  %9 = xbar.mvm %n {at = 1152, depth = 4, group = @g.wo.q, space = "pad", tile = 0} : f32[t0,6] loc("/lm_head")
|  io.out %9 {col0 = 0, port = "logits", tile = 0} loc("/lm_head")
|}

.notes
|attention of /decoder/attention (and 2 more): is read out as scores, keys and values of 512 levels, queries of 15, probabilities of 16, converted to 6 bits
|--calibrate FILE (texts, or JSON lists of token ids) would measure what this does to perplexity
