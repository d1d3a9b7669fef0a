# Runs what documents show. A fenced block says in its first line what it is:
#   sh                commands; the block must succeed. All blocks of a document run in one folder, in order, with the tree's
#                     chips and examples, and build/ohmic, in it
#   output            lines that the document's commands have printed so far ("…" stands for anything; numbers of values and
#                     fractions are not compared)
#   asm, oir          a program that assembles, a module that is read
#   asm, oir, yaml, c, json, text: name="FILE" puts the block there for the commands behind it
#   ANY not-run="why" nothing is done, for this reason
# A block that says anything else, or nothing, fails. Commands in prose (`ohmic NAME --option`) must exist with their options.
. tests/golden/common.sh

case $ohmic in /*) ;; *) ohmic=$PWD/$ohmic ;; esac
awk_blocks=$PWD/tests/golden/documents.awk

# Value numbers, operation numbers, probe sizes, fractions and runs of spaces are not compared.
plain() {
    sed -E 's/%[0-9]+/%N/g; s/@[0-9]+/@N/g; s/\[1,[0-9]+,/[1,P,/g; s/[0-9]+, [0-9]+ and [0-9]+ tokens/P tokens/
        s/-?[0-9]+\.[0-9]+(e-?[0-9]+)?/F/g; s/ +/ /g; s/^ //; s/ $//'
}

# A line of an output block stands in what was printed.
shown() {
    pattern=$(printf '%s\n' "$1" | plain | sed 's/[][\.*^$]/\\&/g; s/ *… */.*/g')
    plain < "$out/shown" | grep -q -e "$pattern"
}

# in_run COMMAND...: in the document's folder, its output added to what was shown
in_run() {
    (cd "$out/run" && timeout 900 "$@") > "$out/one" 2>&1 < /dev/null
    status=$?
    cat "$out/one" >> "$out/shown"
    [ $status = 0 ] || tail -n 20 "$out/one"
    return $status
}

# One block: FILE WHERE KIND NAME WHY
block() {
    [ -n "$5" ] && return
    [ "$4" = - ] || { mkdir -p "$(dirname "$out/run/$4")" 2> /dev/null && cp "$1" "$out/run/$4"; }
    case $3 in
    sh) in_run bash -e "$1" || fail "$2: this does not succeed" ;;
    output)
        while IFS= read -r line; do
            shown "$line" || fail "$2 shows what no command prints: $line"
        done < "$1"
        ;;
    asm)
        chip=
        grep -q '^\.chip' "$1" || chip="--chip ideal-int8"
        # shellcheck disable=SC2086
        in_run build/ohmic as "$1" $chip -o assembled.ohm || fail "$2: this does not assemble"
        ;;
    oir) in_run build/ohmic opt "$1" -o read.oir || fail "$2: this is not read" ;;
    yaml | c | json | text) [ "$4" != - ] || fail "$2: a block without name=\"FILE\" or not-run=\"why\"" ;;
    *) fail "$2: '$3' is no kind of block (tests/golden/documents.sh lists them)" ;;
    esac
}

# Commands and options that prose names.
prose() {
    awk '/^```/ { fenced = !fenced; next } !fenced' "$1" | grep -oE '`[^`]+`' | tr -d '`' |
        grep -E '^(build/)?ohmic [a-z]|^--[a-z]|^[a-z-]+ --[a-z]' | sort -u > "$out/spans"
    while IFS= read -r span; do
        words=${span#build/}
        words=${words#ohmic }
        command=${words%% *}
        help=$out/help/$command
        [ -e "$help" ] || help=$out/help.all
        case $span in
        ohmic\ * | build/ohmic\ *) [ "$command" = help ] || [ -e "$out/help/$command" ] || fail "$1: there is no '$span'" ;;
        --*) ;;
        *) [ -e "$out/help/$command" ] || continue ;; # another program's
        esac
        for option in $(printf '%s\n' "$words" | grep -oE -- '(^|[ (])--[a-z-]+'); do
            case $option in --help | --version) continue ;; esac
            grep -qE -- "^ +(-., )?$option( |\$)" "$help" || grep -rqF -- "$option" scripts bench .ci ||
                fail "$1: '$span': there is no $option"
        done
    done < "$out/spans"
}

mkdir "$out/help"
for command in $("$ohmic" --help | awk '/^  [a-z]/ { print $1 }'); do
    "$ohmic" "$command" --help > "$out/help/$command" || fail "ohmic $command --help"
done
cat "$out"/help/* > "$out/help.all"

document() {
    rm -rf "$out/run" "$out/blocks"
    mkdir -p "$out/run/build" "$out/blocks"
    for folder in chips examples; do ln -s "$PWD/$folder" "$out/run/$folder"; done
    ln -s "$ohmic" "$out/run/build/ohmic"
    : > "$out/shown"
    awk -v folder="$out/blocks" -f "$awk_blocks" "$1" > "$out/index" || fail "$1: a block that does not end, or is indented"
    while IFS='	' read -r number line kind name why; do
        block "$out/blocks/$number" "$1:$line" "$kind" "$name" "$why"
    done < "$out/index"
    prose "$1"
}
