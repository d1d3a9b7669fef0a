#!/usr/bin/env python3
"""Transformers of well-known sizes with random weights, as PyTorch's exporter writes them.

  gen_models.py bert|gpt2 OUT.onnx [--layers 12 --hidden 768 --heads 12 --ffn 3072 --tokens 128 --vocab N --positions N]

bert: LayerNorm behind each branch, separate query, key and value, GELU by Erf, padding mask added.
gpt2: LayerNorm in front, query, key and value in one Gemm, GELU by Tanh, causal mask by Where; no
vocabulary projection. One sequence of --tokens tokens, opset 17; gpt2 with --tokens 0: of any number of them up to
--positions, so that it is compiled to a program that generates."""
import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

VOCABULARY = {"bert": 30522, "gpt2": 50257}
POSITIONS = {"bert": 512, "gpt2": 1024}


class Graph:
    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.nodes, self.weights, self.known = [], [], {}

    def op(self, kind, *inputs, outputs=1, **attributes):
        names = [f"{kind}_{len(self.nodes)}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=names[0], **attributes))
        return names if outputs > 1 else names[0]

    def weight(self, name, value):
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def constant(self, value, kind=np.float32):
        key = (str(value), kind.__name__)
        if key not in self.known:
            self.known[key] = self.weight(f"constant_{len(self.known)}", np.asarray(value, kind))
        return self.known[key]

    def normal(self, name, *shape, deviation=0.02, mean=0.0):
        values = self.random.standard_normal(shape, dtype=np.float32) * np.float32(deviation)
        return self.weight(name, values + np.float32(mean))


def norm(g, x, name, hidden, epsilon):
    gain = g.normal(name + ".weight", hidden, deviation=0.1, mean=1.0)
    return g.op("LayerNormalization", x, gain, g.normal(name + ".bias", hidden), axis=-1, epsilon=epsilon)


def linear(g, x, name, rows, columns):
    y = g.op("MatMul", x, g.normal(name + ".weight", rows, columns))
    return g.op("Add", g.normal(name + ".bias", columns), y)


def conv1d(g, x, name, rows, columns, tokens):
    flat = g.op("Reshape", x, g.constant([-1, rows], np.int64))
    y = g.op("Gemm", flat, g.normal(name + ".weight", rows, columns), g.normal(name + ".bias", columns))
    return g.op("Reshape", y, g.constant([1, tokens or -1, columns], np.int64))


def attention(g, q, k, v, mask, o):
    width = o.hidden // o.heads
    split = g.constant([1, o.tokens or -1, o.heads, width], np.int64)
    q = g.op("Transpose", g.op("Reshape", q, split), perm=[0, 2, 1, 3])
    k = g.op("Transpose", g.op("Reshape", k, split), perm=[0, 2, 3, 1])
    v = g.op("Transpose", g.op("Reshape", v, split), perm=[0, 2, 1, 3])
    scores = mask(g.op("Div", g.op("MatMul", q, k), g.constant(np.sqrt(width))))
    y = g.op("MatMul", g.op("Softmax", scores, axis=-1), v)
    return g.op("Reshape", g.op("Transpose", y, perm=[0, 2, 1, 3]), g.constant([1, o.tokens or -1, o.hidden], np.int64))


def numbers(g, o):
    if o.tokens:
        return g.constant(np.arange(o.tokens).tolist(), np.int64)
    length = g.op("Gather", g.op("Shape", "input_ids"), g.constant(1, np.int64), axis=0)
    return g.op("Range", g.constant(0, np.int64), length, g.constant(1, np.int64))


def embeddings(g, o, kind):
    words = g.op("Gather", g.normal("word.weight", o.vocab, o.hidden), "input_ids")
    positions = g.normal("position.weight", o.positions or POSITIONS[kind], o.hidden)
    return g.op("Add", words, g.op("Gather", positions, numbers(g, o)))


def bert(g, o):
    x = embeddings(g, o, "bert")
    segment = g.op("Gather", g.normal("segment.weight", 2, o.hidden), g.constant([0] * o.tokens, np.int64))
    x = norm(g, g.op("Add", x, segment), "embeddings.norm", o.hidden, 1e-12)
    shown = g.op("Cast", g.op("Unsqueeze", "attention_mask", g.constant([1, 2], np.int64)), to=TensorProto.FLOAT)
    hidden = g.op("Mul", g.op("Sub", g.constant(1.0), shown), g.constant(-10000.0))
    for i in range(o.layers):
        name = f"layer.{i}"
        q, k, v = (linear(g, x, f"{name}.attention.{part}", o.hidden, o.hidden) for part in ("query", "key", "value"))
        y = attention(g, q, k, v, lambda scores: g.op("Add", scores, hidden), o)
        y = linear(g, y, f"{name}.attention.output", o.hidden, o.hidden)
        x = norm(g, g.op("Add", y, x), f"{name}.attention.norm", o.hidden, 1e-12)
        y = linear(g, x, f"{name}.intermediate", o.hidden, o.ffn)
        erf = g.op("Erf", g.op("Div", y, g.constant(np.sqrt(2.0))))
        y = g.op("Mul", g.op("Mul", y, g.op("Add", erf, g.constant(1.0))), g.constant(0.5))
        x = norm(g, g.op("Add", linear(g, y, f"{name}.output", o.ffn, o.hidden), x), f"{name}.output.norm", o.hidden, 1e-12)
    return x


def gpt2(g, o):
    x = embeddings(g, o, "gpt2")
    if o.tokens:
        causal = g.weight("causal", np.tril(np.ones((1, 1, o.tokens, o.tokens), bool)))
    else:
        rows = numbers(g, o)
        causal = g.op("LessOrEqual", g.op("Unsqueeze", rows, g.constant([0], np.int64)),
                      g.op("Unsqueeze", rows, g.constant([1], np.int64)))
    for i in range(o.layers):
        y = conv1d(g, norm(g, x, f"h.{i}.ln_1", o.hidden, 1e-5), f"h.{i}.attn.c_attn", o.hidden, 3 * o.hidden, o.tokens)
        q, k, v = g.op("Split", y, g.constant([o.hidden] * 3, np.int64), outputs=3, axis=2)
        y = attention(g, q, k, v, lambda scores: g.op("Where", causal, scores, g.constant(-1e4)), o)
        x = g.op("Add", x, conv1d(g, y, f"h.{i}.attn.c_proj", o.hidden, o.hidden, o.tokens))
        y = norm(g, x, f"h.{i}.ln_2", o.hidden, 1e-5)
        y = conv1d(g, y, f"h.{i}.mlp.c_fc", o.hidden, o.ffn, o.tokens)
        cubed = g.op("Mul", g.op("Pow", y, g.constant(3.0)), g.constant(0.044715))
        tanh = g.op("Tanh", g.op("Mul", g.op("Add", y, cubed), g.constant(np.sqrt(2 / np.pi))))
        y = g.op("Mul", g.op("Mul", y, g.constant(0.5)), g.op("Add", tanh, g.constant(1.0)))
        x = g.op("Add", x, conv1d(g, y, f"h.{i}.mlp.c_proj", o.ffn, o.hidden, o.tokens))
    return norm(g, x, "ln_f", o.hidden, 1e-5)


def write(g, o, out):
    g.nodes.append(helper.make_node("Identity", [{"bert": bert, "gpt2": gpt2}[o.kind](g, o)], ["output"]))
    ids = [1, o.tokens or "tokens"]
    inputs = [helper.make_tensor_value_info("input_ids", TensorProto.INT64, ids)]
    if o.kind == "bert":
        inputs.append(helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ids))
    output = helper.make_tensor_value_info("output", TensorProto.FLOAT, ids + [o.hidden])
    graph = helper.make_graph(g.nodes, o.kind, inputs, [output], g.weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="bench/gen_models.py")
    model.ir_version = 8
    onnx.save(model, out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["bert", "gpt2"])
    parser.add_argument("out")
    for name, value in dict(layers=12, hidden=768, heads=12, ffn=3072, tokens=128, vocab=0, positions=0, seed=0).items():
        parser.add_argument("--" + name, type=int, default=value)
    o = parser.parse_args()
    if o.kind == "bert" and not o.tokens:
        parser.error("bert has a number of --tokens")
    o.vocab = o.vocab or VOCABULARY[o.kind]
    write(Graph(o.seed), o, o.out)


if __name__ == "__main__":
    main()
