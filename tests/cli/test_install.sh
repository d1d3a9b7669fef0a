#!/usr/bin/env bash
# The installed command: finds its chips from any folder, explains every option, and keeps to its exit codes
# (0 fine, 1 rejected with a diagnostic, 2 usage).   $1: the built command
set -euo pipefail
build=$(dirname "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "test_install: $*" >&2; exit 1; }

cmake --install "$build" --prefix "$work/usr" >"$work/log" 2>&1 || { cat "$work/log"; fail "cmake --install failed"; }
mkdir "$work/elsewhere"
cd "$work/elsewhere"
ohmic() { env -i PATH=/usr/bin:/bin "$work/usr/bin/ohmic" "$@"; }
# exits CODE ARGUMENTS...: the command ends with CODE; what it said is in $work/out and $work/err
exits() {
  local want=$1 code=0
  shift
  ohmic "$@" >"$work/out" 2>"$work/err" </dev/null || code=$?
  [ "$code" = "$want" ] || { cat "$work/out" "$work/err"; fail "'ohmic $*' ends with $code, not $want"; }
}

exits 0 --version
grep -qE '^ohmic [0-9]+\.[0-9]+\.[0-9]+$' "$work/out" || fail "--version prints '$(cat "$work/out")'"

# ---- chips, from the installation and nowhere else
for chip in "$work"/usr/share/ohmic/chips/*.yaml; do
  name=$(basename "$chip" .yaml)
  exits 0 chips
  grep -qE "^$name +[^ ]" "$work/out" || fail "'ohmic chips' does not list $name"
  exits 0 chips "$name"
  grep -qxE "name: \"?$name\"?" "$work/out" || fail "'ohmic chips $name' does not print it"
done
sed 's/^name: .*/name: only-installed/' "$chip" >"$work/usr/share/ohmic/chips/only-installed.yaml"
exits 0 chips only-installed
exits 2 chips no-such-chip
grep -q "no-such-chip" "$work/err" || fail "a chip that is not there is not named"

# ---- every command
exits 0 --help
commands=$(sed -nE 's/^  ([a-z-]+) +.*/\1/p' "$work/out")
for command in compile run generate eval opt as dis nm verify chips ops passes onnx-test; do
  grep -qx -- "$command" <<<"$commands" || fail "--help does not name '$command'"
done
for command in $commands; do
  exits 0 "$command" --help
  cp "$work/out" "$work/help"
  grep -q "^usage: ohmic $command" "$work/help" || fail "'$command --help' has no usage line"
  [ "$(wc -l <"$work/help")" -ge 4 ] || fail "'$command --help' says too little"
  if grep -E '^ +(-., )?--' "$work/help" | grep -vE '^ +(-., )?--[a-z-]+( [^ ]+)? +[^ ]'; then
    fail "an option of '$command' is not explained"
  fi
  grep -qE '^  -h, --help' "$work/help" || fail "'$command --help' does not name --help"
  exits 0 "$command" -h
  cmp -s "$work/out" "$work/help" || fail "'$command -h' differs from --help"
  for option in $(grep -oE '^  (-.,|   ) --[a-z-]+' "$work/help" | grep -oE -- '--[a-z-]+' || true); do
    case $option in --help) continue ;; esac
    if grep -qE "^  (-.,|   ) $option [A-Z]" "$work/help"; then # without its value
      exits 2 "$command" "$option"
      grep -q -- "$option" "$work/err" || fail "'$command $option' does not say what is missing"
    else
      exits 2 "$command" "$option=1"
    fi
  done
  exits 2 "$command" --no-such-option
  grep -q -- "--no-such-option" "$work/err" || fail "'$command' does not name the unknown option"
  exits 2 "$command" -@
  exits 2 "$command" a b c d e f g --no-such-option
done

# A command knows exactly the options that its help prints: both come from one table. These are promised.
promised() { # COMMAND OPTION...
  local command=$1
  shift
  exits 0 "$command" --help
  for option; do grep -qE -- "--$option( |$)" "$work/out" || fail "'$command --help' does not name --$option"; done
}
promised compile chip set max-tokens max-chunk slots window bind dump-ir check-equivalence calibrate adapt attention token-period output
promised generate tokenizer prompt tokens temperature top-k top-p seed stop threads
promised eval perplexity masked classify labels layers end-token json threads
promised run input output trace threads json
promised onnx-test on json
promised opt pass output check-equivalence

exits 2
exits 2 no-such-command
grep -q "no-such-command" "$work/err" || fail "an unknown command is not named"

# ---- missing files
missing=$work/elsewhere/missing
for arguments in "compile $missing.onnx" "compile $missing.oir" "run $missing.ohm" "generate $missing.ohm" \
  "eval $missing.ohm --perplexity $missing.json" "opt $missing.oir --pass dce" "as $missing.s" "dis $missing.ohm" "nm $missing.ohm" \
  "verify $missing.ohm" "onnx-test $missing" "chips $missing.yaml"; do
  case $arguments in generate*) arguments="$arguments --tokenizer $missing.json" ;; esac
  # shellcheck disable=SC2086
  exits 1 $arguments
  grep -q "error: " "$work/err" && grep -q missing "$work/err" || { cat "$work/err"; fail "'$arguments' does not name the file"; }
done
[ -z "$(ls -A)" ] || fail "something was left behind: $(ls -A)"

# ---- files that are something else
printf 'nothing of ours\n' >"$work/other"
for arguments in "compile $work/other" "run $work/other" "opt $work/other --pass dce" "as $work/other" "dis $work/other" \
  "nm $work/other" "verify $work/other" "chips $work/other"; do
  # shellcheck disable=SC2086
  exits 1 $arguments
  grep -q "error: " "$work/err" || fail "'$arguments' gives no diagnostic"
done
[ -z "$(ls -A)" ] || fail "something was left behind: $(ls -A)"
echo "install: $(wc -w <<<"$commands") commands"
