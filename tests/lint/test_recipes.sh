#!/usr/bin/env bash
# The recipes of the READMEs are true: in a copy of the tree an IR operation, an instruction, a pass, a rule, an ONNX
# operator and a chip parameter are added by following them, and work; what is left out is named by the build. State
# that state files would not hold does not compile.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir "$tree"
git ls-files -z --cached --others --exclude-standard -- . ':!docs' ':!examples' ':!tests' |
  while IFS= read -r -d '' f; do [ -e "$f" ] && printf '%s\0' "$f"; done | tar c --null -T - | tar x -C "$tree"

fail() { echo "test_recipes: $*" >&2; exit 1; }
# row FILE ROW: the new row is the last of its table.
row() {
  if grep -q '^#undef' "$tree/$1"; then # before the table's end
    awk -v row="$2" '/^#undef/ && !done {print row; done = 1} {print}' "$tree/$1" >"$work/table"
  else
    { cat "$tree/$1"; printf '%s\n' "$2"; } >"$work/table"
  fi
  cp "$work/table" "$tree/$1"
}

# ---- ir/README.md, "Add an operation"
row ir/ops.def 'GRAPH(t, cube, 1, 1, 1, "", EXACT, MAP, elementwise, none, "x * x * x")'
cat >"$tree/ir/infer/recipe.c" <<'END'
#include "ir/infer/common.h"
bool ir_infer_t_cube(ir_infer_ctx *c) {
    c->out[0] = *c->in[0];
    return infer_float(c, 0);
}
END
cat >"$tree/ir/eval/recipe.c" <<'END'
#include "ir/eval/eval.h"
static void cube(void *dst, const void *const *src, size_t n, const void *param) {
    const float *x = src[0];
    for (size_t i = 0; i < n; i++) ((float *)dst)[i] = x[i] * x[i] * x[i];
}
bool ir_eval_t_cube(ir_eval_ctx *c, const ir_op *op, const tensor *const *in, tensor *out) {
    static const eval_ew kernel = {.fn = cube, .n_in = 1, .in = {ELEM_f32}, .out = ELEM_f32};
    return eval_ew_run(c, op, &kernel, in, out);
}
END

# ---- isa/README.md, "How to add": an instruction
row isa/isa.def 'INSN(nop2, 0x7e, control, NONE, NONE, "nothing, twice")'
cat >"$tree/runtime-sim/exec/recipe.c" <<'END'
#include "runtime-sim/state.h"
void sim_exec_nop2(sim_ctx *c) {}
END

# ---- passes/README.md, "Add a pass": what it shows, in place
mkdir "$work/blocks"
awk -v folder="$work/blocks" -f tests/golden/documents.awk passes/README.md >"$work/index"
block() { # block NAME: the file with that block
  local number
  number=$(awk -F '\t' -v name="$1" '$4 == name { print $1 }' "$work/index")
  [ -n "$number" ] || fail "passes/README.md shows no '$1'"
  echo "$work/blocks/$number"
}
sed -i "/^PASS(\"canonicalize\"/r $(block "row of passes/passes.def")" "$tree/passes/passes.def"
cp "$(block passes/graph/drop_minus.c)" "$tree/passes/graph/drop_minus.c"

# ---- passes/README.md, "Add a rule"
sed -i 's/^const rule fuse_rules\[\] = {$/&\n    {"relu-twice", "(relu (relu x))", "(relu x)", is_f32},/' "$tree/passes/graph/fuse_rules.c"

# ---- isa/README.md, "How to add": a chip parameter
sed -i 's/^SECTION_END(tile)$/PARAM_INT(tile, recipe, 5, 1, 9, "recipes", "of the recipe")\n&/' "$tree/isa/machine/machine.def"
cat >"$tree/passes/map/recipe.c" <<'END'
#include "passes/pass.h"
int64_t map_recipe(const pass_options *o);
int64_t map_recipe(const pass_options *o) { return o->machine->tile.recipe; }
END

# ---- frontend/README.md, "Add an operator"
row frontend/onnx_ops.def 'ONNX_OP("recipe.test", "Cube", 1, cube, 0)'
cat >"$tree/frontend/ops/recipe.c" <<'END'
#include "frontend/import.h"
bool onnx_import_cube(onnx_call *c) {
    ir_val x = onnx_in(c, 0);
    if (x == IR_NONE) return onnx_missing(c, "it takes one input");
    return onnx_set(c, 0, onnx_op1(c, IR_t_cube, x));
}
END

# ---- it builds, and they are there
launcher=
command -v ccache >/dev/null && launcher=-DCMAKE_C_COMPILER_LAUNCHER=ccache
CCACHE_BASEDIR=$work CCACHE_NOHASHDIR=1
export CCACHE_BASEDIR CCACHE_NOHASHDIR
build() { cmake --build "$work/build" --target ohmic >"$work/log" 2>&1; }
cmake -S "$tree" -B "$work/build" -G Ninja -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS=-O0 -DOHMIC_TESTS=OFF $launcher \
  >"$work/log" 2>&1 || { cat "$work/log"; fail "cmake failed"; }
build || { grep -E 'error|undefined|FAILED' "$work/log" || tail -n 40 "$work/log"; fail "following the READMEs does not build"; }
ohmic=$work/build/ohmic
expect() { # expect WHAT PATTERN COMMAND...: the command succeeds and prints the pattern
  local what=$1 pattern=$2
  shift 2
  "$@" >"$work/out" 2>&1 || { cat "$work/out"; fail "$what: '$*' failed"; }
  [ -z "$pattern" ] || grep -qE -- "$pattern" "$work/out" || { cat "$work/out"; fail "$what: no '$pattern' in the output of '$*'"; }
}
expect "IR operation" '^ir .*t\.cube ' "$ohmic" ops --kind ir
expect "instruction" '^isa .*7e +nop2 ' "$ohmic" ops --kind isa
expect "pass" '^drop-minus ' "$ohmic" passes
expect "ONNX operator" '^onnx +recipe\.test +Cube ' "$ohmic" ops --kind onnx

# The operation has text, types and values: 1 + 3*3*3, folded.
cat >"$work/cube.oir" <<'END'
module {stage = "graph"}
tensor @c : f32[2] = [1, 3]

func @run(%x "x" : f32[2]) -> (%y "y") {
  %c = t.const {value = @c} : f32[2]
  %1 = t.cube %c : f32[2]
  %y = t.add %1, %x : f32[2]
}
END
expect "IR operation" '= \[1, 27\]' "$ohmic" opt "$work/cube.oir" --pass fold-constants,dce \
  --check-equivalence

# The pass does what it says.
cp "$(block tests/passes/golden/drop-minus.oir)" "$work/drop-minus.oir"
expect "pass" '' "$ohmic" opt "$work/drop-minus.oir" --pass drop-minus,dce --check-equivalence
[ "$(grep -c t.neg "$work/out")" = 1 ] || { cat "$work/out"; fail "pass: it does not drop what it says"; }

# The rule is applied.
cat >"$work/relu.oir" <<'END'
module {stage = "graph"}

func @run(%x "x" : f32[2]) -> (%y "y") {
  %1 = t.relu %x : f32[2]
  %y = t.relu %1 : f32[2]
}
END
expect "rule" '' "$ohmic" opt "$work/relu.oir" --pass fuse,dce --check-equivalence
[ "$(grep -c t.relu "$work/out")" = 1 ] || { cat "$work/out"; fail "rule: it is not applied"; }

# The parameter is printed, set, and kept within its range.
expect "chip parameter" 'recipe: *\{value: 5, unit: "recipes"' "$ohmic" chips ideal
expect "chip parameter" 'recipe: *\{value: 7, unit: "recipes"' "$ohmic" chips ideal --set tile.recipe=7
if "$ohmic" chips ideal --set tile.recipe=10 >"$work/out" 2>&1; then fail "chip parameter: 10 is out of range"; fi
grep -q 'tile.recipe' "$work/out" || { cat "$work/out"; fail "chip parameter: it is not said which is out of range"; }

# The instruction assembles and comes back.
{
  cat <<'END'
.ohm 1
.program whole max_tokens=1 max_chunk=1
.phase run
  .rows t0 free max=1
.tile 0
  .code run
    nop2
    halt
.chip
END
  "$ohmic" chips ideal | sed 's/^/|/'
} >"$work/nop.s"
expect "instruction" '' "$ohmic" as "$work/nop.s" -o "$work/nop.ohm"
expect "instruction" '^ *nop2' "$ohmic" dis "$work/nop.ohm"
expect "instruction" 'verified' "$ohmic" verify "$work/nop.ohm"

# The operator is imported and interpreted: a backend-test case of one node, its files written by hand.
message() { printf "\\x$(printf %02x $(($1 * 8 + 2)))\\x$(printf %02x "$(stat -c %s "$2")")"; cat "$2"; } # field, file
text() { printf %s "$2" >"$work/text"; message "$1" "$work/text"; }
number() { printf "\\x$(printf %02x $(($1 * 8)))\\x$(printf %02x "$2")"; }
port() { # name -> ValueInfoProto of f32[2]
  { number 1 2; } >"$work/dim"
  { message 1 "$work/dim"; } >"$work/shape"
  { number 1 1; message 2 "$work/shape"; } >"$work/tensor"
  { message 1 "$work/tensor"; } >"$work/type"
  { text 1 "$1"; message 2 "$work/type"; } >"$work/port"
}
case=$work/cases/cube
mkdir -p "$case/test_data_set_0"
{ text 1 x; text 2 y; text 4 Cube; text 7 recipe.test; } >"$work/node"
{ message 1 "$work/node"; text 2 g; port x; message 11 "$work/port"; port y; message 12 "$work/port"; } >"$work/graph"
{ text 1 recipe.test; number 2 1; } >"$work/domain"
{ text 1 ""; number 2 17; } >"$work/default"
{ number 1 8; message 7 "$work/graph"; message 8 "$work/default"; message 8 "$work/domain"; } >"$case/model.onnx"
value() { number 1 2; number 2 1; text 8 "$1"; printf "\\x4a\\x08$2"; } # dims, type, name, raw_data
value x '\x00\x00\x00\x40\x00\x00\x80\xbf' >"$case/test_data_set_0/input_0.pb"   # 2, -1
value y '\x00\x00\x00\x41\x00\x00\x80\xbf' >"$case/test_data_set_0/output_0.pb"  # 8, -1
expect "ONNX operator" '^PASS +.*cube' "$ohmic" onnx-test "$case"

# ---- what is forgotten is named
# The operation's columns: a rule, a lowering and an emission that nobody wrote, a column left out, a word unknown.
cube() { sed -i -E "s/^(GRAPH|MAPPED|BOTH)\(t, cube,.*/$1/" "$tree/ir/ops.def"; }
cube 'BOTH(t, cube, 1, 1, 1, "tile?", EXACT, MAP, EACH, cube_rows, cube_insn, "x * x * x")'
row ir/ops.def 'GRAPH(t, cube2, 1, 1, 1, "", EXACT, MAP, elementwise, cube_route, "x * x * x")'
if build; then fail "the build does not miss the functions of columns"; fi
for name in tok_rule_cube_rows be_insn_cube_insn route_cube_route ir_infer_t_cube2 ir_eval_t_cube2; do
  grep -qE "undefined reference to .$name'" "$work/log" || { tail -n 40 "$work/log"; fail "the build does not name $name"; }
done
sed -i '/t, cube2,/d' "$tree/ir/ops.def"
cube 'GRAPH(t, cube, 1, 1, 1, "", EXACT, MAP, elementwise, "x * x * x")'
if build; then fail "an operation without a lowering compiles"; fi
grep -q '"GRAPH" requires 11 arguments' "$work/log" || { tail -n 40 "$work/log"; fail "the build does not name the column"; }
cube 'GRAPH(t, cube, 1, 1, 1, "", EXACT, CUBIC, elementwise, none, "x * x * x")'
if build; then fail "an operation of an unknown kind compiles"; fi
grep -q 'IR_KIND_CUBIC' "$work/log" || { tail -n 40 "$work/log"; fail "the build does not name the kind"; }
cube 'GRAPH(t, cube, 1, 1, 1, "", EXACT, MAP, elementwise, none, "x * x * x")'

# object FILE: compiles one file of a library, as ninja names it.
object() {
  local library=${1%%/*}
  cmake --build "$work/build" --target "$library/CMakeFiles/ohmic_$(sed s/runtime-// <<<"$library").dir/${1#*/}.o" >"$work/log" 2>&1
}
# wrong FILE SED OBJECT MESSAGE: the file so changed does not compile, and that is why.
wrong() {
  cp "$tree/$1" "$work/right"
  sed -i "$2" "$tree/$1"
  ! cmp -s "$tree/$1" "$work/right" || fail "$1: '$2' changes nothing"
  if object "$3"; then fail "$1: '$2' compiles"; fi
  grep -qE -- "$4" "$work/log" || { tail -n 40 "$work/log"; fail "$1: the build does not say '$4' of '$2'"; }
  cp "$work/right" "$tree/$1"
}
wrong passes/graph/fuse_rules.c 's/"(relu x)", is_f32}/"(relu x)", is_recipe}/' passes/graph/fuse_rules.c is_recipe
wrong passes/passes.def 's/drop_minus, plain, same/drop_minus, all, same/' passes/pass.c PASS_NEEDS_all
wrong passes/passes.def 's/drop_minus, plain, same/drop_minus, plain, routed/' passes/pass.c PASS_GIVES_routed
wrong passes/states.def 's/^STATE(placed,.*/&\nSTATE(routed, allocated, MAPPED, "of the recipe")/' passes/state.c may_be_routed
wrong isa/machine/machine.def '/tile, recipe,/d' passes/map/recipe.c "no member named .recipe"
wrong isa/machine/machine.def 's/\(.*tile, recipe,.*\)/\1\n\1/' isa/machine/machine.c "duplicate member .recipe"
wrong runtime-sim/state.h 's/^} sim_bank;/    int64_t recipe;\n&/' runtime-sim/state_file.c 'sim_bank has state that state files do not hold'
wrong runtime-sim/state.h 's/^} sim_ring;/    int64_t recipe;\n&/' runtime-sim/state_file.c 'sim_ring has state that state files do not hold'
wrong runtime-sim/state.h 's/^} sim_history;/    int64_t recipe;\n&/' runtime-sim/state_file.c 'sim_history has state that state files do not hold'
wrong runtime-sim/gain/gain.h 's/^} gain_cells;/    int64_t *recipe;\n&/' runtime-sim/state_file.c 'gain_cells has state that state files do not hold'

rm "$tree"/ir/{infer,eval}/recipe.c "$tree"/runtime-sim/exec/recipe.c "$tree"/passes/graph/drop_minus.c "$tree"/frontend/ops/recipe.c
if build; then fail "the build does not miss the functions"; fi
for name in ir_infer_t_cube ir_eval_t_cube sim_exec_nop2 pass_drop_minus onnx_import_cube; do
  grep -qE "undefined reference to .$name'" "$work/log" || { tail -n 40 "$work/log"; fail "the build does not name $name"; }
done
wrong_row() { # wrong_row FROM TO ERROR: the row of nop2, so changed, does not compile, for that reason
  sed "/^INSN(nop2/s/$1/$2/" "$tree/isa/isa.def" >"$work/table"
  cp "$tree/isa/isa.def" "$work/right"
  cp "$work/table" "$tree/isa/isa.def"
  if cmake --build "$work/build" --target isa/CMakeFiles/ohmic_isa.dir/isa.c.o >"$work/log" 2>&1; then
    fail "isa.def: '$2' in place of '$1' compiles"
  fi
  grep -q "$3" "$work/log" || { cat "$work/log"; fail "isa.def: the build does not say '$3' of '$2'"; }
  cp "$work/right" "$tree/isa/isa.def"
}
wrong_row 0x7e 0x20 'duplicate case'
wrong_row control contrl ISA_UNIT_contrl
wrong_row 'NONE, NONE' 'NONE, OP(x, bufer)' ISA_KIND_bufer
wrong_row 'NONE, NONE' 'NONE, BUF(a, F32, any, rwo)' ISA_ROWS_rwo
wrong_row 'NONE, NONE' 'MODE(nop, once), NONE' ISA_nop
echo "recipes: an operation, an instruction, a pass, a rule, an operator and a chip parameter were added; what was left out or wrong was named"
