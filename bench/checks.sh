#!/usr/bin/env bash
# What the checks of a compile take: models of BERT-base's and GPT-2-small's size for ideal-int8. Processor
# seconds, the fastest of RUNS, in turns:
#   stated      what `ohmic compile --timings` says; whoever touches the weights first pays for it, and
#               that is the import's execution
#   without     the same command with its executions skipped from outside, by a debugger (gdb)
#   before      OTHER, another build
# and seconds on the clock by one thread and by two, which say something on a machine that is idle.
#   bench/checks.sh [OHMIC [OTHER]]     models from bench/peers.sh's folder, or by PYTHON with onnx
set -euo pipefail
cd "$(dirname "$0")/.."
ohmic=$(realpath "${1:-build/ohmic}") other=${2:+$(realpath "$2")}
runs=${RUNS:-3} folder=build/peers python=${PYTHON:-build/peers/venv/bin/python}
mkdir -p $folder
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# cpu COMMAND...: processor seconds of a command
cpu() {
    local TIMEFORMAT='%U %S'
    { time "$@" >"$work/out" 2>/dev/null; } 2>&1 | awk '{ print $1 + $2 }'
}
# field NAME: of what --timings said last
field() { awk -v name="\"$1\":" '$1 == name { gsub(/,/, "", $2); print $2; exit }' "$work/out"; }
least() { sort -g "$1" | head -n 1; }
skipped() {
    gdb -q -batch -ex 'set confirm off' -ex 'break tok_check' -ex run -ex 'return (_Bool)1' -ex continue --args "$@"
}

echo "| model | weights | compile | for 100 M weights | checks as stated | without checks | checks' share | before | one thread | two threads |"
echo "|---|---|---|---|---|---|---|---|---|---|"
for kind in bert gpt2; do
    model=$folder/$kind.onnx
    if [ ! -e "$model" ] && ! "$python" bench/gen_models.py $kind "$model"; then
        echo "SKIP: no Python environment with onnx (bench/peers.sh makes one, or PYTHON=...)"
        exit 0
    fi
    compile=(compile "$model" --chip ideal-int8 -o "$work/$kind.ohm")
    for column in one clock two without before; do : >"$work/$column"; done
    for ((i = 0; i < runs; i++)); do
        "$ohmic" "${compile[@]}" --timings --json --threads 1 >"$work/out" 2>/dev/null
        echo "$(field seconds) $(field checks_seconds)" >>"$work/one"
        field clock_seconds >>"$work/clock"
        "$ohmic" "${compile[@]}" --timings --json --threads 2 >"$work/out" 2>/dev/null
        field clock_seconds >>"$work/two"
        if command -v gdb >/dev/null; then
            skipped "$ohmic" "${compile[@]}" --timings --json --threads 1 >"$work/out" 2>/dev/null
            field seconds >>"$work/without"
        fi
        [ -z "$other" ] || cpu "$other" "${compile[@]}" --threads 1 >>"$work/before"
    done
    # four bytes of the file are a weight, nearly
    awk -v kind=$kind -v weights=$(($(stat -Lc %s "$model") / 4)) -v without="$(least "$work/without")" \
        -v before="$(least "$work/before")" -v clock="$(least "$work/clock")" -v two="$(least "$work/two")" '{
        printf "| %s | %.0f M | %.2f s | %.2f s | %.2f s (%.0f %%) | %s | %s | %s | %.2f s | %.2f s |\n", kind, weights / 1e6,
            $1, $1 * 1e8 / weights, $2, 100 * $2 / $1, without == "" ? "–" : sprintf("%.2f s", without),
            without == "" ? "–" : sprintf("%.0f %%", 100 * ($1 - without) / $1), before == "" ? "–" : sprintf("%.2f s", before),
            clock, two }' <<<"$(least "$work/one")"
done
