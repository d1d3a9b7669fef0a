#!/usr/bin/env python3
"""onnxruntime's own flows on shared models: do they import, compile for each chip, and give the model's numbers?

  flows.py OHMIC SHARED WORK [FLOW|MODEL ...]     SHARED: ../shared; WORK: where models are written and kept

Each model is taken through each flow as its documentation does, with its defaults. Asks for numpy, onnx, onnxruntime (of
which the weight-only quantizer asks for onnx-ir, sympy)."""
import collections
import logging
import pathlib
import subprocess
import sys
import tarfile

import numpy as np
import onnx
import onnxruntime as ort
from onnxruntime import quantization as q

CHIPS = ("ideal", "ideal-int8", "ohmic-1")
ort.set_default_logger_severity(3)
logging.disable()

# where it is in ../shared (exports: in exports.tar.xz), and the name of the output that is compared
MODELS = {
    "tales_gpt": "models/own/tales_gpt_op17.onnx",
    "tales_judge": "models/own/tales_judge_op17.onnx",
    "stories260K": "models/stories260K/stories260k_legacy_op17.onnx",
    "albert": "models/rxnmapper_albert/albert_rxnmapper_op17.onnx",
    "vit": "models/vit_cifar10_ibp/model.onnx",
    "bert export": "exports/bert_ts17_sdpa",
    "gpt2 export": "exports/gpt2_ts14_eager",
    "llama export": "exports/llama_ts17_sdpa",
}
LENGTH = 24


def source(shared, work, model):
    where = MODELS[model]
    if not where.startswith("exports/"):
        return shared / where
    name = where.split("/")[1]
    if not (work / name).exists():
        with tarfile.open(shared / "models/exports/exports.tar.xz") as tar:
            tar.extractall(work, [m for m in tar.getmembers() if m.name.split("/")[0] == name], filter="data")
    return work / name / "model.onnx"


def inputs(path, seed):
    """Seeded inputs of a model: ids below the smallest table, ones as masks, an image."""
    model = onnx.load(path, load_external_data=False)
    random = np.random.default_rng(seed)
    sizes = [t.dims[0] for t in model.graph.initializer if len(t.dims) == 2 and t.dims[0] > 100]
    given, names = {}, {t.name for t in model.graph.initializer}
    for x in model.graph.input:
        if x.name in names:
            continue
        dims = [d.dim_value for d in x.type.tensor_type.shape.dim]
        kind = x.type.tensor_type.elem_type
        if kind == onnx.TensorProto.FLOAT or kind == onnx.TensorProto.FLOAT16:
            shape = [d or 1 for d in dims]
            given[x.name] = random.normal(0, 1, shape).astype(np.float32 if kind == onnx.TensorProto.FLOAT else np.float16)
        elif "mask" in x.name:
            given[x.name] = np.ones((1, LENGTH), np.int64)
        elif "type" in x.name:
            given[x.name] = np.zeros((1, LENGTH), np.int64)
        elif "position" in x.name:
            given[x.name] = np.arange(LENGTH, dtype=np.int64)[None]
        else:
            given[x.name] = random.integers(0, min(sizes + [512]), (1, LENGTH))
    return given


class Reader(q.CalibrationDataReader):
    def __init__(self, path):
        self.left = [inputs(path, seed) for seed in range(1, 9)]

    def get_next(self):
        return self.left.pop() if self.left else None


def prepared(path, to):
    q.quant_pre_process(path, to, skip_symbolic_shape=True)
    return to


def static(**options):
    def flow(path, to):
        before = prepared(path, to.with_suffix(".pre"))
        q.quantize_static(before, to, Reader(path), **options)

    return flow


def nbits(bits, **options):
    def flow(path, to):
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        quantizer = MatMulNBitsQuantizer(onnx.load(path), bits=bits, block_size=32, **options)
        quantizer.process()
        quantizer.model.save_model_to_file(str(to))

    return flow


def half(path, to):
    from onnxruntime.transformers.float16 import convert_float_to_float16

    onnx.save(convert_float_to_float16(onnx.load(path), keep_io_types=True), to)


def optimised(kind, heads, hidden):
    def flow(path, to):
        from onnxruntime.transformers import optimizer

        optimizer.optimize_model(str(path), kind, num_heads=heads, hidden_size=hidden).save_model_to_file(str(to))

    return flow


FLOWS = {
    "dynamic": lambda path, to: q.quantize_dynamic(path, to),
    "dynamic u8": lambda path, to: q.quantize_dynamic(path, to, weight_type=q.QuantType.QUInt8),
    "dynamic channels": lambda path, to: q.quantize_dynamic(path, to, per_channel=True),
    "qdq": static(),
    "qdq channels": static(per_channel=True),
    "qdq u8": static(activation_type=q.QuantType.QUInt8),
    "qdq 16": static(activation_type=q.QuantType.QUInt16),
    "qdq s16": static(activation_type=q.QuantType.QInt16),
    "qoperator": static(quant_format=q.QuantFormat.QOperator),
    "qoperator u8": static(quant_format=q.QuantFormat.QOperator, activation_type=q.QuantType.QUInt8),
    "nbits 4": nbits(4, is_symmetric=True),
    "nbits 4 asym": nbits(4, is_symmetric=False),
    "nbits 8": nbits(8, is_symmetric=True),
    "fp16": half,
    "optimizer bert": optimised("bert", 4, 64),
    "optimizer gpt2": optimised("gpt2", 4, 64),
}


def first_output(path, given):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session.get_outputs()[0].name, np.asarray(session.run(None, given)[0], np.float64)


def cosine(a, b):
    a, b = a.ravel(), b.ravel()
    return float(a @ b / max(1e-30, np.sqrt((a @ a) * (b @ b))))


def on_chip(ohmic, path, chip, given, work):
    """(name of output -> values, "") or (None, why not)."""
    program, x, y = work / "p.ohm", work / "x.npz", work / "y.npz"
    run = subprocess.run([ohmic, "compile", path, "--chip", chip, "-q", "-t", "1", "-o", program], capture_output=True, text=True)
    if run.returncode:
        lines = [line for line in run.stderr.splitlines() if "error" in line]
        return None, f"exit {run.returncode}: {(lines or ['?'])[0]}"
    np.savez(x, **given)
    run = subprocess.run([ohmic, "run", program, "-i", x, "-o", y, "-t", "1"], capture_output=True, text=True)
    if run.returncode:
        return None, f"run, exit {run.returncode}: {run.stderr.strip().splitlines()[0]}"
    return np.load(y), ""


def main():
    ohmic, shared, work = (pathlib.Path(a).resolve() for a in sys.argv[1:4])
    asked = sys.argv[4:]
    work.mkdir(parents=True, exist_ok=True)
    runs, tries, why = collections.Counter(), collections.Counter(), collections.Counter()
    print("| flow | model | onnxruntime, beside f32 | " + " | ".join(CHIPS) + " |\n|---|---|---|" + "---|" * len(CHIPS))
    for flow, make in FLOWS.items():
        for model in MODELS:
            if any(a in FLOWS for a in asked) and flow not in asked or any(a in MODELS for a in asked) and model not in asked:
                continue
            if flow.startswith("optimizer") and flow.split()[1] not in model:
                continue
            path, to = source(shared, work, model), work / f"{model}.{flow}.onnx".replace(" ", "_")
            given = inputs(path, 99)
            try:
                if not to.exists():
                    make(path, to)
            except Exception as e:  # not ours
                print(f"| {flow} | {model} | not written: {str(e).splitlines()[0][:100]} |" + " |" * len(CHIPS), flush=True)
                continue
            name, real = first_output(path, given)
            try:
                _, theirs = first_output(to, given)
                row = [f"{cosine(real, theirs):.5f}"]
            except Exception as e:
                theirs, row = real, [f"does not run: {str(e).splitlines()[0][:100]}"]
            for chip in CHIPS:
                got, refused = on_chip(ohmic, to, chip, given, work)
                tries[flow, chip] += 1
                if got is None:
                    why[refused.split("error: ")[-1]] += 1
                    row.append(refused)
                else:
                    runs[flow, chip] += 1
                    ours = np.asarray(got[name], np.float64)
                    row.append(f"{cosine(theirs, ours):.5f} ({cosine(real, ours):.5f} to f32)")
            print(f"| {flow} | {model} | " + " | ".join(row) + " |", flush=True)
    print("\n| flow | " + " | ".join(CHIPS) + " |\n|---|" + "---|" * len(CHIPS))
    for flow in FLOWS:
        if tries[flow, CHIPS[0]]:
            print(f"| {flow} | " + " | ".join(f"{runs[flow, c]} of {tries[flow, c]}" for c in CHIPS) + " |")
    for text, n in why.most_common():
        print(f"{n} x {text}")


main()
