#!/usr/bin/env bash
# Leroux et al. 2025 on their chip: what a head takes for a token, its area, its decay, and what two GPUs take for the same
# (leroux2025_gpus.tsv says how they were measured).
. tests/cli/lib.sh

# 4 layers of 2 heads of 64 with 16 sub-tiles each; everything but attention is free there
exits 0 compile examples/tales/tales_gpt.onnx --chip leroux2025 --attention hard-sigmoid --slots 1024 -q -o "$work/head.ohm"
exits 0 cost "$work/head.ohm" --prompt 4 --generate 2
says "token to token   260 ns" # 65 a layer
says "in the long run  65 ns"
says "energy           49.2 nJ a token" # 8 heads of 6.15
says "gain_digital 2.951, gain_k 0.5243, gain_v 0.5243"
says "area             4 mm2" # 8 heads of 0.5
exits 0 cost "$work/head.ohm" --prompt 4 --generate 2 --json
cp "$work/out" "$work/cost.json"
# picojoules of a parameter, a head and a token
part() {
  awk -v name="\"energy.$1\"" 'index($0, "\"parameter\": " name) { found = 1 }
    found && /"attojoules"/ { gsub(/[^0-9]/, ""); printf "%g\n", $0 / 1e6 / 6 / 8; exit }' "$work/cost.json"
}
for row in "gain_k 1120" "gain_v 700" "gain_digital 4000" "gain_write 330"; do
  read -r name pj <<<"$row"
  [ "$(part "$name")" = "$pj" ] || fail "energy.$name takes $(part "$name") pJ a head and token, published: $pj"
done
# the paper's pie chart has another total, 6.86 nJ, with 1.03 nJ of writing: what is left of it is rounding
exits 0 cost "$work/head.ohm" --prompt 4 --generate 2 --set energy.gain_write=8.046875
says "energy           54.8 nJ a token" # 8 heads of 6.85

# 65 = 5 + 15 + 15 + 15 + 15, whatever phase is looked at
for row in "gain_reset 240" "gain_score 200" "gain_mix 200" "gain_read 200" "gain_add 200" "gain_write 260"; do
  read -r name ns <<<"$row"
  exits 0 cost "$work/head.ohm" --prompt 1 --generate 1 --set "time.$name=0"
  says "token to token   $ns ns"
done

# cells: 0.131 of 0.5 mm2 with OSFETs, 2.49 of 2.86 in CMOS; decay in 1,023 tokens of 12 layers
exits 0 chips leroux2025-cmos --json
cp "$work/out" "$work/cmos.json"
exits 0 chips leroux2025 --json
cp "$work/out" "$work/osfet.json"
value() { awk -v key="\"$2\": {" -v in_section="\"$1\": {" 'index($0, in_section) { s = 1 } s && index($0, key) { k = 1 }
  k && /"value"/ { sub(/.*: /, ""); sub(/,$/, ""); print; exit }' "$work/$3.json"; }
awk -v cell="$(value area gain_k osfet)" -v rest="$(value area gain_digital osfet)" -v big="$(value area gain_k cmos)" \
  -v tau="$(value gain retention cmos)" 'BEGIN {
    cells = 2 * 1024 * 64 * cell / 1e6; head = cells + 16 * rest / 1e6; cmos = 2 * 1024 * 64 * big / 1e6
    lost = 100 * (1 - exp(-1023 * 12 * 65 / tau))
    printf "%.3f %.3f %.2f %.2f\n", cells, head, cmos, lost
    exit !(sprintf("%.3f %.3f %.2f %.2f", cells, head, cmos, lost) == "0.131 0.500 2.49 14.75") }' ||
  fail "area and decay of a head are not those of the paper"

# and as a command says it, with what the achieved period loses beside
exits 0 compile examples/tales/tales_gpt.onnx --chip leroux2025-cmos --attention hard-sigmoid --slots 1024 --token-period 780 -q \
  -o "$work/cmos.ohm"
exits 0 cost "$work/cmos.ohm" --prompt 4 --generate 2
says "token period     780 ns declared (14.75 % of a charge lost in 1023 tokens), 260 ns achieved (5.181 % of a charge lost in 1023 tokens)"
says "area             22.87 mm2" # 8 heads of 2.86

# against GPUs: 12 heads of 6.15 nJ, 65 ns for all of a layer
awk -F '\t' '!/^#/ { printf "%s: %.0f times the speed, %.0f times the energy\n", $1, $2 / 0.065, $3 * 1e6 / (12 * 6.15) }' \
  tests/cost/leroux2025_gpus.tsv >"$work/out"
says "RTX 4090: 344 times the speed, 97266 times the energy"
says "Jetson Nano: 7521 times the speed, 43981 times the energy"
