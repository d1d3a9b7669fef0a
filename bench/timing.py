#!/usr/bin/env python3
"""ohmic cost against the design's independent model of time in Python (../shared/design/timing/sim.py).

    python3 bench/timing.py OHMIC [CHANGES [SEED]]

Compiles tales_gpt for bench-1 as that model knows it, reads its listing into the model, and compares departures of
prompts of 1 to 64 rows with scratchpad ports without limit, of 128 and of 64 bytes/ns. Then CHANGES (200) random changes
of depths: the listing with other depths, assembled, verified and timed by both, with rows and a port drawn as well.
Programs that the verifier refuses are left out.
"""
import json
import os
import random
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "..", "shared", "design", "timing"))
import sim  # noqa: E402


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, env={**os.environ, "OHMIC_CHIPS": ROOT + "/chips"})


def cost(ohmic, program, rows, port):
    out = run(ohmic, "cost", program, "--prompt", str(rows), "--generate", "0", "--set", f"tile.port={port or 0}", "--json")
    if out.returncode:
        sys.exit(out.stderr)
    return json.loads(out.stdout)["first_token_ns"]


def model(text, rows, port):
    program = sim.parse(text, sim.Chip(port=port, release="hold"))
    return sim.slots(program, sim.steps(rows)).departures()[-1]


def main():
    ohmic = os.path.abspath(sys.argv[1])
    with tempfile.TemporaryDirectory() as work:
        program, listing = work + "/tales.ohm", work + "/tales.s"
        made = run(ohmic, "compile", ROOT + "/examples/tales/tales_gpt.onnx", "--chip", "bench-1", "--slots", "1024",
                   "--attention", "hard-sigmoid", "-q", "-o", program)
        if made.returncode:
            sys.exit(made.stderr)
        run(ohmic, "dis", program, "-o", listing)
        text = open(listing).read()
        same = 0
        for port in (None, 128, 64):
            for rows in (1, 2, 3, 4, 7, 16, 33, 64):
                a, b = cost(ohmic, program, rows, port), model(text, rows, port)
                assert a == b, f"{rows} rows, port {port}: {a} by ohmic cost, {b} by the model"
                same += 1
        changes, seed = (int(text) for text in (sys.argv[2:] + ["200", "1"][len(sys.argv) - 2:])[:2])
        rng, refused = random.Random(seed), 0
        for k in range(changes):
            changed = re.sub(r"depth=\d+", lambda m: f"depth={rng.randint(1, 4)}", text)
            open(work + "/changed.s", "w").write(changed)
            made = run(ohmic, "as", work + "/changed.s", "-o", work + "/changed.ohm")
            if made.returncode:
                refused += 1
                continue
            rows, port = rng.choice((3, 5, 16)), rng.choice((None, 128, 64, 48))
            a, b = cost(ohmic, work + "/changed.ohm", rows, port), model(changed, rows, port)
            assert a == b, f"change {k}, {rows} rows, port {port}: {a} by ohmic cost, {b} by the model"
            same += 1
    print(f"seed {seed}: {same} comparisons, all equal; {refused} changed listings refused by the verifier")


if __name__ == "__main__":
    main()
