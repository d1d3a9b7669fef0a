# What a sliding window does to memory: recall by distance at four windows is what bench/window.tsv
# says (numbers that a separate computation of the model in float gave too); facts beyond the window
# are gone, facts inside mostly there; a prompt that fits the window cannot tell.
#   test_window.sh PATH-OF-OHMIC
. "$(dirname "$0")/lib.sh" "$1"
need_shared
probes=$shared/own/recall_probes.json

mkdir "$work/new"
bench/window.sh "$ohmic" "$work/new"
for kind in tsv md svg; do same "bench/window.$kind is fresh" bench/window.$kind "$work/new/window.$kind"; done

# The loss against window 256 is printed: 5 points were hoped for, and are missed (bench/README.md).
while read -r window range right of full; do
    from=${range%-*} to=${range#*-}
    share=$(awk -v r="$right" -v n="$of" 'BEGIN { printf "%.1f", 100 * r / n }')
    lost=$(awk -v f="$full" -v r="$right" -v n="$of" 'BEGIN { printf "%.1f", 100 * (f - r) / n }')
    if [ "$to" -lt "$window" ]; then
        check "window $window, $range back: recalled % ($lost points lost)" "$share" 75 100
    elif [ "$from" -ge "$window" ]; then
        check "window $window, $range back: recalled %" "$share" 0 25
    fi
done < <(awk '$2 !~ /-/ { next } { key[++n] = $1 " " $2; r[n] = $3; of[n] = $4; d[n] = $2 } $1 == 256 { full[$2] = $3 }
    END { for (i = 1; i <= n; i++) print key[i], r[i], of[i], full[d[i]] }' "$work/new/window.tsv")

# Prompts of at most 128 tokens: one probe a line in the file, its ids behind "prompt".
awk 'BEGIN { print "[" }
    /"kind"/ { p = $0; sub(/.*"prompt": \[/, "", p); sub(/\].*/, "", p); if (split(p, id, ",") > 128) next
        sub(/,? *$/, ""); print (n++ ? "," : "") $0 }
    END { print "]" }' $probes >"$work/short.json"
for window in 128 256; do
    compile w$window examples/tales/tales_gpt.onnx --chip ideal --window $window
    "$ohmic" eval "$work/w$window.ohm" --recall "$work/short.json" | sed 's/, [0-9.]* s$//' >"$work/short_$window"
done
check "prompts of at most 128 tokens" "$(awk '/^recalled/ { sub(":", "", $4); print $4 }' "$work/short_256")" 150 480
same "they recall the same at windows 128 and 256" "$work/short_256" "$work/short_128"
finish
