#!/bin/bash
# A module is what the pass gives that `after` names: an earlier pass run again changes nothing of it, and a text that
# says what it is not is refused.
. tests/golden/common.sh

model=$here/3d.oir
"$ohmic" compile $model --chip ideal --dump-ir "$out/ir" -o "$out/p.ohm" > "$out/log" 2>&1 || { cat "$out/log"; fail "$model does not compile"; }
passes=()
for dump in "$out"/ir/[0-9][0-9]-*.oir; do
    pass=$(basename "$dump" .oir)
    pass=${pass#[0-9][0-9]-}
    [ "$pass" = input ] && continue
    passes+=("$pass")
    "$ohmic" opt "$dump" --pass dce --chip ideal -o "$out/x.oir" && "$ohmic" compile "$out/x.oir" --chip ideal -q -o "$out/q.ohm" ||
        fail "dce on what $pass made"
    cmp "$out/p.ohm" "$out/q.ohm" || fail "another program after dce on what $pass made"
done

# Each dump under the name of each pass: what is not so is refused, what could be so becomes a sound program.
refused=0
for dump in "$out"/ir/[0-9][0-9]-*.oir; do
    for pass in "${passes[@]}" no-such-pass; do
        sed -E "1,3s/(module .*after = \")[a-z-]+/\1$pass/" "$dump" > "$out/ir/x.oir"
        rm -f "$out/q.ohm"
        "$ohmic" compile "$out/ir/x.oir" --chip ideal -q -o "$out/q.ohm" > "$out/log" 2>&1
        code=$?
        if [ $code -ge 126 ] || grep -q "internal error" "$out/log"; then
            cat "$out/log"
            fail "$(basename "$dump") as of $pass ends the command"
        elif [ $code != 0 ]; then
            grep -qE "\[pass-state\]$|\[pass-order\]$" "$out/log" && refused=$((refused + 1)) ||
                { cat "$out/log"; fail "$(basename "$dump") as of $pass is not refused for that"; }
        fi
    done
done
[ $refused -gt 50 ] || fail "only $refused texts were refused"
exit $failed
