#!/usr/bin/env bash
# Broken input in numbers that CI has no time for: 2,000,000 programs changed by record and sealed again and
# 1,000,000 models of one operator, both under sanitizers, then every command with every one of its allocations failing.
#   bench/hostile.sh [PARTS]       20 parts by default; a part is 100,000 programs and 50,000 models of its seed
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup >/dev/null
cmake -S . -B build-san -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DOHMIC_SANITIZE=ON >/dev/null
cmake --build build-san --target replay_ohm replay_onnx >/dev/null
corpora=$(sed -n 's/^ohm //p' build-san/tests/fuzz_targets.txt)

# "N mutations of seed 1, 51 read (...), 7 run (...)": sums of each count over the parts
sum() {
  awk -v what="$1" -F', ' '
    { for (i = 1; i <= NF; i++) if (match($i, /^[0-9]+ (mutations|read|verified|run|imported)/) || match($i, /[0-9]+ inputs/)) {
        split(substr($i, RSTART, RLENGTH), w, " "); if (!(w[2] in n)) order[++k] = w[2]; n[w[2]] += w[1] } }
    END { printf "%s:", what
      for (i = 1; i <= k; i++) printf "%s %d %s (%.1f %%)", (i > 1 ? "," : ""), n[order[i]], order[i], 100 * n[order[i]] / n[order[1]]
      print "" }'
}
# shellcheck disable=SC2086 # several folders
for seed in $(seq "${1:-20}"); do build-san/tests/replay_ohm $corpora 100000 "$seed"; done | tee /dev/stderr | sum programs
for seed in $(seq "${1:-20}"); do build-san/tests/replay_onnx --generate 50000 "$seed"; done | tee /dev/stderr | sum models
build/tests/cli_test_allocations --all | tail -n 1
