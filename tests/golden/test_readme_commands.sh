#!/bin/bash
# Runs every indented command of README.md and of the examples' READMEs, in order, in a folder of its own; what stands in
# fenced blocks behind them must be in their output, line by line ("…" stands for anything; numbers of values and
# fractions are not compared). scripts/demo and scripts/test are run by .ci/run.
. tests/golden/common.sh

case $ohmic in /*) ;; *) ohmic=$PWD/$ohmic ;; esac
mkdir "$out/run" "$out/run/build"
ln -s "$PWD/examples" "$out/run/examples"
ln -s "$ohmic" "$out/run/build/ohmic"

# Value numbers, operation numbers, probe sizes, fractions and runs of spaces are not compared.
plain() {
    sed -E 's/%[0-9]+/%N/g; s/@[0-9]+/@N/g; s/\[1,[0-9]+,/[1,P,/g; s/[0-9]+, [0-9]+ and [0-9]+ tokens/P tokens/
        s/-?[0-9]+\.[0-9]+(e-?[0-9]+)?/F/g; s/ +/ /g; s/^ //; s/ $//'
}

commands() { # README: lines that begin with four spaces, outside fenced blocks, that call something
    awk '/^```/ { fenced = !fenced } !fenced && /^    [a-z]/ { print substr($0, 5) }' "$1"
}

for readme in README.md examples/tales/README.md examples/gaincell/README.md; do
    : > "$out/shown"
    commands $readme > "$out/commands"
    [ -s "$out/commands" ] || fail "$readme has no commands"
    while IFS= read -r line; do
        case $line in scripts/demo* | scripts/test*) continue ;; esac
        (cd "$out/run" && timeout 120 bash -c "$line") > "$out/one" 2>&1 < /dev/null ||
            { cat "$out/one"; fail "$readme: $line"; }
        cat "$out/one" >> "$out/shown"
    done < "$out/commands"
    plain < "$out/shown" > "$out/plain"
    [ $readme = README.md ] && continue # its fenced block is a picture
    awk '/^```/ { fenced = !fenced; next } fenced' $readme > "$out/fenced"
    while IFS= read -r line; do
        pattern=$(printf '%s\n' "$line" | plain | sed 's/[][\.*^$]/\\&/g; s/ *… */.*/g')
        grep -q -e "$pattern" "$out/plain" || fail "$readme shows what no command prints: $line"
    done < "$out/fenced"
done
exit $failed
