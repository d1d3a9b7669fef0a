"""One head of the gain-cell unit in numpy: python gain.py FILE UNIT_US. FILE is bench_gain's; its answer is checked.

Fair to numpy: what does not change from token to token (powers of the stored levels, the decay of each age) is made once;
a query is products of matrices with vectors, in single and in double precision, on one thread."""
import sys
import time

import numpy as np

D, TOKENS, SUB_TILE = 64, 1024, 64
P = [0.52136361391, 13.612260634, -2.620445619, 46.05483778]
DECAY, S_SAT, O_SAT, STEP = 1.56e-4, 80.0, 40.0, 2.0 / 31


def prepare(k, v, dtype):
    age = np.arange(TOKENS - 1, -1, -1)
    decay = [np.exp(-DECAY * age * i) for i in range(4)]
    g = np.stack([P[i] * decay[i] for i in range(4)]).astype(dtype)  # [4][tokens]
    # powers as matrices; power 0 of the keys is the sum of the query
    keys = np.concatenate([(k - 0.45) ** i for i in (1, 2, 3)]).astype(dtype)  # [3 * tokens][d]
    values = np.stack([(v - 0.45) ** i for i in range(4)])  # [4][tokens][d]
    tiles = values.reshape(4, TOKENS // SUB_TILE, SUB_TILE, D).transpose(1, 0, 2, 3)
    values = np.ascontiguousarray(tiles.reshape(TOKENS // SUB_TILE, 4 * SUB_TILE, D)).astype(dtype)
    return g, keys, values


def attend(q, prepared):
    g, keys, values = prepared
    x = np.rint(np.clip(q + q.dtype.type(0.3), 0, 1) * 15) / q.dtype.type(15)
    m = (keys @ x).reshape(3, TOKENS)
    s = g[0] * x.sum() + (g[1:] * m).sum(axis=0)
    phi = np.clip(s / S_SAT, 0, 1)
    pulses = (g * phi).reshape(4, TOKENS // SUB_TILE, SUB_TILE).transpose(1, 0, 2)
    charge = pulses.reshape(TOKENS // SUB_TILE, 1, 4 * SUB_TILE) @ values
    return STEP * np.rint(np.clip(charge[:, 0] / O_SAT, -1, 1) / STEP).sum(axis=0)


def microseconds(q, prepared):
    best = float("inf")
    for _ in range(7):
        start = time.thread_time()
        for _ in range(50):
            attend(q, prepared)
        best = min(best, (time.thread_time() - start) / 50)
    return best * 1e6


def main():
    numbers = np.fromfile(sys.argv[1], dtype=np.float32)
    kv, q, out = np.split(numbers, [2 * D * TOKENS, 2 * D * TOKENS + D])
    kv = kv.reshape(TOKENS, 2 * D).astype(np.float64)
    unit = float(sys.argv[2])
    for dtype in (np.float64, np.float32):
        prepared = prepare(kv[:, :D], kv[:, D:], dtype)
        mine = attend(q.astype(dtype), prepared)
        worst = np.abs(mine - out).max() / STEP
        us = microseconds(q.astype(dtype), prepared)
        print(f"numpy {np.__version__} {np.dtype(dtype).name}: {us:8.1f} us a token, {us / unit:5.1f} times the unit's "
              f"{unit:.1f}; furthest column {worst:.2f} codes")
        if dtype is np.float64 and worst > 1.01:
            sys.exit("numpy's answer is another")


main()
