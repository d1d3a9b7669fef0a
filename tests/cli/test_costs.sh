#!/usr/bin/env bash
# The table of docs/costs.md is what the commands say now, within 1 %: the rows of models that are at hand. The others are
# there (bench/costs.sh --large makes them).
. tests/cli/lib.sh
shared models/stories260K
bash bench/costs.sh "$ohmic" >"$work/now"
grep '^| ' docs/costs.md | grep -v '^| model ' >"$work/shown"
[ "$(wc -l <"$work/now")" = 8 ] || fail "bench/costs.sh does not make eight rows"
[ "$(wc -l <"$work/shown")" = 12 ] || fail "docs/costs.md does not show twelve rows"
awk -F ' *[|] *' 'NR == FNR { row[$2, $3] = $0; next }
  !(($2, $3) in row) { print "not in docs/costs.md: " $0; wrong = 1; next }
  {
    n = split(row[$2, $3], shown, / *[|] */)
    wrong_here = n != NF
    for (k = 4; k <= NF; k++) {
      off = $k - shown[k]
      if (off < 0) off = -off
      if ($k ~ /^[0-9.e+-]+$/ && $k != "-" ? off > 0.01 * $k || shown[k] !~ /^[0-9]/ : $k != shown[k]) wrong_here = 1
    }
    if (wrong_here) print "docs/costs.md: " row[$2, $3] "\nnow:           " $0
    wrong = wrong || wrong_here
  }
  END { exit wrong }' "$work/shown" "$work/now" || fail "bench/costs.sh OHMIC --large makes the rows of docs/costs.md"
