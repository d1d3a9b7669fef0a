# What the scripts of this folder share. The first argument of a script is the command.
set -u
shopt -s lastpipe # what stands behind a pipe can fail the script
ohmic=$1
here=tests/golden
shared=../shared/models
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failed=0

fail() {
    echo "FAIL $*"
    failed=1
}

# have FILE: true when it is there; else says what is skipped.
have() {
    [ -e "$1" ] && return 0
    echo "SKIP $1 is not here"
    return 1
}

# listing PROGRAM [VARIABLE=VALUE...]: instructions and descriptors without names (listing.awk).
listing() {
    program=$1
    shift
    variables=
    "$ohmic" dis --no-data "$program" > "$out/dis" || return 1
    for v in "$@"; do variables="$variables -v $v"; done
    # shellcheck disable=SC2086
    awk $variables -f $here/listing.awk "$out/dis"
}

# same FILE WHAT: standard input must be the golden file; OHMIC_UPDATE=1 writes it.
same() {
    cat > "$out/now"
    if [ -n "${OHMIC_UPDATE:-}" ]; then
        cmp -s "$out/now" "$1" || cp "$out/now" "$1"
        return
    fi
    diff -u "$1" "$out/now" || fail "$2: differs from $1 (OHMIC_UPDATE=1 writes it anew)"
}
