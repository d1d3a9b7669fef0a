#!/usr/bin/env python3
"""Ohmic beside onnxruntime: compile time and anonymous memory against the session's load, run time
against its inference. Same machine, same run.

  peers.py OHMIC FOLDER [bert gpt2]     models and programs are kept in FOLDER

CPU seconds, so that other work on the machine counts little, and for compiling, which takes all
cores, seconds on the clock; the fastest of RUNS. Everything else runs on one thread. Memory is the
largest RssAnon seen."""
import os
import re
import resource
import subprocess
import sys
import threading
import time

RUNS = 3
HERE = os.path.dirname(os.path.abspath(__file__))


def watched(command):
    """Seconds on the clock and of CPU, largest RssAnon in MB and output of a command."""
    start = time.monotonic()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peak = 0

    def watch():
        nonlocal peak
        while process.poll() is None:
            try:
                with open(f"/proc/{process.pid}/status") as f:
                    found = re.search(r"RssAnon:\s*(\d+)", f.read())
                peak = max(peak, int(found.group(1)) if found else 0)
            except OSError:
                return
            time.sleep(0.002)

    watcher = threading.Thread(target=watch)
    watcher.start()
    out, error = process.communicate()
    watcher.join()
    clock = time.monotonic() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if process.returncode:
        sys.exit(f"{' '.join(command)}: {error}")
    cpu = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
    return clock, cpu, peak / 1024, out


PEER = """
import re, sys, time
import numpy as np, onnxruntime as ort
def anonymous(): return int(re.search(r"RssAnon:\\s*(\\d+)", open("/proc/self/status").read()).group(1)) / 1024
o = ort.SessionOptions()
o.intra_op_num_threads = o.inter_op_num_threads = 1
before, start = anonymous(), time.process_time()
s = ort.InferenceSession(sys.argv[1], o, providers=["CPUExecutionProvider"])
load, memory = time.process_time() - start, anonymous() - before
x = np.load(sys.argv[2])
feed = {i.name: x[i.name] for i in s.get_inputs()}
best = 1e9
for _ in range(5):
    start = time.process_time()
    y = s.run(None, feed)
    best = min(best, time.process_time() - start)
np.save(sys.argv[3], y[0])
print(load, memory, best)
"""


def measure(ohmic, folder, kind):
    import numpy as np

    model, program, data = (f"{folder}/{kind}{end}" for end in (".onnx", ".ohm", ".npz"))
    if not os.path.exists(model):
        subprocess.check_call([sys.executable, f"{HERE}/gen_models.py", kind, model])
    tokens = 128
    inputs = {"input_ids": np.random.default_rng(1).integers(0, 30000, (1, tokens))}
    if kind == "bert":
        inputs["attention_mask"] = np.ones((1, tokens), np.int64)
    np.savez(data, **inputs)
    command = [ohmic, "compile", model, "--chip", "ideal-int8", "-o", program]
    compiled = [watched(command) for _ in range(RUNS)]
    run = [ohmic, "run", program, "-i", data, "--threads", "1", "-o", f"{folder}/{kind}.out.npz"]
    once = min(watched(run)[1] for _ in range(RUNS))
    peers = [
        [float(x) for x in watched([sys.executable, "-c", PEER, model, data, f"{folder}/{kind}.ref.npy"])[3].split()]
        for _ in range(RUNS)
    ]
    want = np.load(f"{folder}/{kind}.ref.npy")
    got = np.load(f"{folder}/{kind}.out.npz")["output"]
    error = float(np.sqrt(((want - got) ** 2).sum() / (want**2).sum()))
    seconds, cpu, memory = (f(c[i] for c in compiled) for i, f in ((0, min), (1, min), (2, max)))
    load, peer_memory, inference = (f(p[i] for p in peers) for i, f in ((0, min), (1, max), (2, min)))
    print(f"| {kind} | {seconds:.2f} s | {cpu:.2f} s | {memory:.0f} MB | {load:.2f} s | {peer_memory:.0f} MB "
          f"| {once:.2f} s | {inference:.2f} s | {once / inference:.1f} | {error:.3f} |", flush=True)
    return seconds <= 3 and memory <= 300 and once <= 5 * inference


def main():
    ohmic, folder = sys.argv[1], sys.argv[2]
    kinds = sys.argv[3:] or ["bert", "gpt2"]
    print("| model | compile | its CPU | RssAnon | ort load | RssAnon | run | ort run | ratio | relative error |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    met = [measure(ohmic, folder, kind) for kind in kinds]
    print("aims (compile <= 3 s and <= 300 MB, run <= 5 x onnxruntime):", "met" if all(met) else "missed")


main()
