"""Writes gaincell_onnxruntime.h: what onnxruntime gives for the function ohmic.GainCellAttention of
tales_gaincell_fn.onnx on the numbers that test_interp_charge.c makes. Run by hand; tests read the header.

    python gaincell_onnxruntime.py ../../../shared/models/own/tales_gaincell_fn.onnx > gaincell_onnxruntime.h
"""
import sys

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper

HEADS, ROWS, D, WINDOW, SUB_TILE = 2, 100, 8, 32, 16
A = [0.4, 0.1, 0.3, 0.45, 0.25, 0.4, 1.0, 0.0]  # a_q b_q a_k b_k a_v b_v a_o b_o


def philox(key, counter):
    """Philox4x32-10 (Salmon et al., SC'11): lists of 2 and 4 words."""
    x, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [b >> 32 ^ x[1] ^ k[0], b & 0xFFFFFFFF, a >> 32 ^ x[3] ^ k[1], a & 0xFFFFFFFF]
        k = [k[0] + 0x9E3779B9 & 0xFFFFFFFF, k[1] + 0xBB67AE85 & 0xFFFFFFFF]
    return x


RANDOM_TEST = 7  # support/num/random.h


def random(seed, shape):
    """tn_random of interp_help.h: [-2, 2)."""
    out = []
    for i in range(int(np.prod(shape)) // 2):
        w = philox([seed, 0], [i, 0, 0, RANDOM_TEST])
        out += [((w[j + 1] << 32 | w[j]) >> 11) * 2.0**-53 * 4 - 2 for j in (0, 2)]
    return np.array(out, np.float64).astype(np.float32).reshape(shape)


names = "q k v a_q b_q a_k b_k a_v b_v a_o b_o".split()
model = onnx.load(sys.argv[1], load_external_data=False)
function = next(f for f in model.functions if f.name == "GainCellAttention")
node = helper.make_node("GainCellAttention", names, ["o"], domain=function.domain, window=WINDOW,
                        sub_tile=SUB_TILE, q_levels=16, kv_levels=8, out_levels=32, v_dd=0.9, s_sat=20.0,
                        o_sat=15.0, decay=0.01, cell=[0.52136361391, 13.612260634, -2.620445619, 46.05483778])
shapes = [[1, HEADS, ROWS, D]] * 3 + [[HEADS]] * 8
info = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in zip(names, shapes)]
graph = helper.make_graph([node], "g", info, [helper.make_tensor_value_info("o", TensorProto.FLOAT, shapes[0])])
single = helper.make_model(graph, functions=[function], opset_imports=model.opset_import, ir_version=10)
values = [random(1 + i, shapes[0]) for i in range(3)]
values += [np.float32([a * (1 + 0.125 * h) for h in range(HEADS)]) for a in np.float32(A)]
values[9:] = [np.ones(HEADS, np.float32), np.zeros(HEADS, np.float32)]
session = onnxruntime.InferenceSession(single.SerializeToString(), providers=["CPUExecutionProvider"])
out = session.run(None, dict(zip(names, values)))[0]
codes = np.rint(out / np.float32(2 / 31)).astype(int)
assert np.abs(codes * np.float32(2 / 31) - out).max() < 1e-6
print(f"// Codes of the read-out, onnxruntime {onnxruntime.__version__}; made by gaincell_onnxruntime.py.")
print(f"enum {{ ORT_HEADS = {HEADS}, ORT_ROWS = {ROWS}, ORT_D = {D}, ORT_WINDOW = {WINDOW}, ORT_SUB_TILE = {SUB_TILE} }};")
print("// clang-format off")
print("static const signed char ort_codes[ORT_HEADS * ORT_ROWS * ORT_D] = {")
flat = codes.ravel()
for i in range(0, len(flat), 32):
    print("    " + ",".join(map(str, flat[i:i + 32])) + ",")
print("};")
print("// clang-format on")
