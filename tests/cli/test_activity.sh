#!/usr/bin/env bash
# ohmic run --activity and cost --activity: gates and masks of a run give the times that tests/timing/golden works by
# hand; without them the worst case; what is no activity of this program.
. tests/cli/lib.sh

# floats FILE SHAPE WORDS...: f32 as npy, of their bits in hex
floats() {
  local file=$1 shape=$2
  shift 2
  npy "$file" i4 "$shape" $(for w; do echo $((16#$w)); done)
  sed -i "1s/<i4/<f4/" "$file"
}
# sets FILE: what its line "; chip:" changes
sets() { for w in $(sed -n 's/^; chip: //p' "$1"); do echo "--set $w"; done; }

golden=tests/timing/golden
cp $golden/numbers.data $golden/gate.s "$work"
exits 0 as "$work/gate.s" --chip ideal-int8 $(sets "$work/gate.s") -o "$work/gate.ohm"
one=3f800000
floats "$work/x.npy" "1, 4, 8" $(for i in $(seq 32); do echo $one; done)
floats "$work/gate.npy" "1, 4, 1" $one 0 0 $one
exits 0 run "$work/gate.ohm" -i "x=$work/x.npy" -i "gate=$work/gate.npy" --activity "$work/gate.json"
exits 0 cost "$work/gate.ohm" --activity "$work/gate.json"
says "4 tokens, then 0 one by one"
says "first token      13 ns" # gate.s
says "gates and masks are taken as they were met, in the long run as open"
exits 0 cost "$work/gate.ohm" --activity "$work/gate.json" --json --timeline "$work/gate.trace.json"
says '"worst_case": false'
says '"first_token_ns": 13.0'
exits 0 cost "$work/gate.ohm" --prompt 4 --generate 0 --json
says '"worst_case": true'
says '"first_token_ns": 16.0' # gate_open.s

# token 0 of 4 is masked, which the host leaves out: the rows of the others see 1, 2 and 3 tokens, not 2, 3 and 3
sed -E 's/^\.port o out/.port mask in i32 1 role=mask\n&/; s/^  \.buf o/  .buf mask i32 1 depth=4 stride=16 base=256\n&/
  s/^    attn.*/    in mask, mask\n    attn o, q, kv, r, mask/' $golden/filling.s >"$work/mask.s"
exits 0 as "$work/mask.s" --chip ideal-int8 $(sets "$work/mask.s") -o "$work/mask.ohm"
floats "$work/x6.npy" "1, 4, 6" $(for i in $(seq 24); do echo $one; done)
floats "$work/mask.npy" "1, 4" 0 $one $one $one
exits 0 run "$work/mask.ohm" -i "x=$work/x6.npy" -i "mask=$work/mask.npy" --activity "$work/mask.json"
grep -qF '"seen": [{"tile": 0, "pc": 2, "rows": [0, 1, 1, 1, 2, 2]}]' "$work/mask.json" || fail "$(cat "$work/mask.json")"
exits 0 cost "$work/mask.ohm" --activity "$work/mask.json" --json
says '"first_token_ns": 48.0' # 3, then 12 + 15 + 17 of attention, 1 to the host
sed 's/"seen": \[{.*}\]}\]/"seen": []}]/' "$work/mask.json" >"$work/open.json"
exits 0 cost "$work/mask.ohm" --activity "$work/open.json" --json
says '"first_token_ns": 52.0' # 14 + 17 + 17

rejects "the activity of another program; \`ohmic run --activity\` writes it" cost "$work/mask.ohm" --activity "$work/gate.json"
echo '{"activity": 1}' >"$work/none.json"
rejects "no activity of a run" cost "$work/mask.ohm" --activity "$work/none.json"
sed 's/"rows": \[3\]/"rows": [5]/' "$work/mask.json" >"$work/many.json"
rejects "a step of rows that the program does not take" cost "$work/mask.ohm" --activity "$work/many.json"
sed 's/\[0, 1, 1, 1, 2, 2\]/[1, 1, 1, 1, 2, 2]/' "$work/mask.json" >"$work/order.json"
rejects "rows out of order, or beyond the step's" cost "$work/mask.ohm" --activity "$work/order.json"
sed 's/\[0, 1, 1, 1, 2, 2\]/[2, 9, 1]/' "$work/mask.json" >"$work/more.json"
rejects "a row that sees more than its ring holds" cost "$work/mask.ohm" --activity "$work/more.json"
sed 's/"pc": 2/"pc": 0/' "$work/mask.json" >"$work/other.json"
rejects "rows of an instruction without gate, or of one that is no ring's" cost "$work/mask.ohm" --activity "$work/other.json"
sed 's/"pc": 2/"pc": 9/' "$work/mask.json" >"$work/nowhere.json"
rejects "rows of an instruction that does not exist" cost "$work/mask.ohm" --activity "$work/nowhere.json"
sed 's/"steps": .*/"steps": []}/' "$work/mask.json" >"$work/empty.json"
rejects "the activity of no step" cost "$work/mask.ohm" --activity "$work/empty.json"
sed 's/"bank": 0/"bank": 1/' "$work/mask.json" >"$work/bank.json"
rejects "a step without phase, bank and position" cost "$work/mask.ohm" --activity "$work/bank.json"
misused "--prompt and --activity exclude each other" cost "$work/mask.ohm" --activity "$work/mask.json" --prompt 3
rejects "No space left" run "$work/mask.ohm" -i "x=$work/x6.npy" -i "mask=$work/mask.npy" --activity /dev/full
