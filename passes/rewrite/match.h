// Rules as data: a pattern over operations, a condition, and what replaces it.
//
//   "(mul x (sigmoid x))"            operations by name ("t." may be left out), captures by name;
//                                    a name used twice must be the same value
//   "(add x #eps)"                   #name: a constant whose elements are all equal (its value is
//   kept);
//                                    a number: the same, of that value
//   "(mul x $w)"                     $name: any constant
//   "(reduce:mean x)"                :word is the operation's `fn` or `mode`
//   "(| (recip r) (pow r -1))"       alternatives
//   "(~ p)"                          p, through casts between floats and through reshapes and
//                                    broadcasts that leave every element where the operation that
//                                    reads it meets it
//   "s=(softmax x)"                  a capture that must match a pattern
//   "(dynquant.2 x)"                 third result of an operation
//   "(concat a b ...)"               "...": more operands may follow
//
// Commutative operations match in both orders. Matching backtracks over orders and alternatives,
// and into the rule's condition.
#ifndef OHMIC_PASSES_REWRITE_MATCH_H
#define OHMIC_PASSES_REWRITE_MATCH_H

#include "passes/rewrite/emitter.h"

#define MATCH_SLOTS 24

typedef struct match {
    emitter *e;
    ir_val root;
    const struct rule *rule;
    const char *names[MATCH_SLOTS]; // of captures, in order of first mention
    int n_names;
    ir_val value[MATCH_SLOTS];  // of each capture; IR_NONE while free
    double number[MATCH_SLOTS]; // of #captures
    ir_val node[64];            // first results of the operations matched, root first
    int n_nodes;
} match;

typedef struct rule {
    const char *name; // "layer-norm"
    const char *pattern;
    const char *result;        // template over captures, e.g. "(silu x)"; NULL: `build` makes it
    bool (*where)(match *m);   // NULL: always
    ir_val (*build)(match *m); // NULL: `result`; may return IR_NONE: does not apply
} rule;

typedef struct rule_set rule_set;
// Compiles rules: a mistake in a pattern is a CHECK. Rules are tried in order.
rule_set *rules_new(const rule *rules, size_t n);
void rules_free(rule_set *s);
// Replaces v by the first rule whose pattern matches, whose condition holds and whose result has
// v's type (a reshape is added where only the shape differs). v when none does. The result carries
// the ONNX nodes of everything matched.
ir_val rules_apply(const rule_set *s, emitter *e, ir_val v);

// Captures by name, in conditions and builders.
ir_val match_value(const match *m, const char *name);
double match_number(const match *m, const char *name);
const tensor *match_const(const match *m, const char *name);

#endif
