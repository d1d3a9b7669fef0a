# What the acceptance scripts share. $ohmic: the command; $work: a folder that goes away;
# $shared: the models, or the script ends with SKIP.
set -euo pipefail
ohmic=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

need_shared() {
    shared=../shared/models
    [ -e $shared/README.md ] || [ -e $shared/own ] && return 0
    echo "SKIP: $shared is not there"
    exit 0
}

# compile NAME MODEL OPTION...: $work/NAME.ohm
compile() {
    local name=$1 model=$2
    shift 2
    "$ohmic" compile "$model" "$@" -o "$work/$name.ohm" >"$work/$name.log" 2>&1 ||
        { cat "$work/$name.log"; echo "FAIL $name does not compile"; exit 1; }
}

# score KEY EVAL-ARGUMENT...: the figure KEY of `ohmic eval --json`
score() {
    local key=$1
    shift
    "$ohmic" eval "$@" --json >"$work/score.json" || { echo "FAIL eval $*" >&2; exit 1; }
    awk -v k="\"$key\":" '$1 == k { gsub(/[",]/, "", $2); print $2 }' "$work/score.json"
}

# check WHAT VALUE LOW HIGH: prints a row of the table of figures
check() {
    if awk -v x="$2" -v lo="$3" -v hi="$4" 'BEGIN { exit !(x != "" && x + 0 >= lo + 0 && x + 0 <= hi + 0) }'; then
        printf 'ok    %-58s %10s  (%s ... %s)\n' "$1" "$2" "$3" "$4"
    else
        printf 'FAIL  %-58s %10s  (%s ... %s)\n' "$1" "$2" "$3" "$4"
        failures=$((failures + 1))
    fi
}

# same WHAT FILE FILE
same() {
    if cmp -s "$2" "$3"; then
        printf 'ok    %s\n' "$1"
    else
        printf 'FAIL  %s\n' "$1"
        diff "$2" "$3" | head -n 6 || true
        failures=$((failures + 1))
    fi
}

relative() { awk -v x="$1" -v by="$2" 'BEGIN { printf "%.6f", x * by }'; }

finish() {
    [ "$failures" = 0 ] || { echo "$failures failures"; exit 1; }
}
