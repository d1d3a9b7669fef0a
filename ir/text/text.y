// Grammar of the text form. It knows no operation, attribute or element type: those are names.
// A line is the unit of recovery; see parser.h for how its parts are collected.

%define api.pure full
%define api.prefix {ir_text_}
%define parse.error detailed
%define parse.lac full
%locations
%expect 0

%parse-param {ir_parser *p} {void *scanner}
%lex-param {void *scanner}

%code requires {
#include "ir/text/parser.h"
}

%union {
    const char *text; // in the scratch arena
    ir_type type;
    ir_attrs attrs; // in the module's arena
}

%code {
static text_loc at(const IR_TEXT_LTYPE *l) {
    return (text_loc){l->first_line, l->first_column, l->last_column};
}

int ir_text_lex(IR_TEXT_STYPE *value, IR_TEXT_LTYPE *loc, void *scanner);

static void ir_text_error(const IR_TEXT_LTYPE *l, ir_parser *p, void *scanner, const char *message) {
    static const char prefix[] = "syntax error, ";
    size_t n = sizeof prefix - 1;
    if (strncmp(message, prefix, n) == 0) message += n;
    text_error(p, at(l), DIAG_ID_text_syntax, "%s", message);
}
}

%token END 0 "end of file"
%token NEWLINE "end of line"
%token MODULE "module" DOMAIN "domain" TENSOR "tensor" RING "ring" GROUP "group"
%token PROOF "proof" NOTE "note" FUNC "func" LOC "loc" ARROW "->" NONE "_"
%token <text> NAME "name" NUMBER "number" STRING "string" VALUE "value" SYMBOL "symbol"
%type <text> key port_name
%type <type> type
%type <attrs> attrs attrs_opt

%%

file:
  lines { text_file_end(p); }
;

lines:
  %empty
| lines line { if (!text_line_end(p)) YYABORT; }
;

line:
  NEWLINE
| "module" attrs NEWLINE { text_module(p, at(&@1), $attrs); }
| "domain" NAME attrs NEWLINE { text_domain(p, $NAME, at(&@NAME), $attrs); }
| "tensor" SYMBOL ':' type '=' STRING NEWLINE { text_tensor_hash(p, $SYMBOL, at(&@SYMBOL), $type, $STRING, at(&@STRING)); }
| "tensor" SYMBOL ':' type '=' list NEWLINE { text_tensor_items(p, $SYMBOL, at(&@SYMBOL), $type); }
| "ring" SYMBOL attrs NEWLINE { text_symbol(p, IR_SYM_RING, $SYMBOL, at(&@SYMBOL), $attrs); }
| "group" SYMBOL attrs NEWLINE { text_symbol(p, IR_SYM_GROUP, $SYMBOL, at(&@SYMBOL), $attrs); }
| "proof" STRING NEWLINE { text_sentence(p, at(&@1), &p->module->proof, $STRING); }
| "note" STRING NEWLINE { text_sentence(p, at(&@1), &p->module->notes, $STRING); }
| "func" SYMBOL '(' params ')' results '{' NEWLINE { text_func_begin(p, $SYMBOL, at(&@SYMBOL), (ir_attrs){0}); }
| "func" SYMBOL '(' params ')' results attrs '{' NEWLINE { text_func_begin(p, $SYMBOL, at(&@SYMBOL), $attrs); }
| '}' NEWLINE { text_func_end(p, at(&@1)); }
| defined NAME operands attrs_opt types nodes NEWLINE { text_op(p, $NAME, at(&@NAME), $attrs_opt); }
| error NEWLINE { text_line_damaged(p); yyerrok; }
;

defined:
  %empty
| defined_list '='
;
defined_list:
  VALUE { vec_push(&p->defined, (text_value){$VALUE, at(&@VALUE)}); }
| defined_list ',' VALUE { vec_push(&p->defined, (text_value){$VALUE, at(&@VALUE)}); }
;

operands:
  %empty
| operand_list
;
operand_list:
  operand
| operand_list ',' operand
;
operand:
  VALUE { vec_push(&p->operands, (text_value){$VALUE, at(&@VALUE)}); }
| "_" { vec_push(&p->operands, (text_value){NULL, at(&@1)}); }
;

types:
  %empty
| ':' type_list
;
type_list:
  type { vec_push(&p->types, $type); }
| type_list ',' type { vec_push(&p->types, $type); }
;
type:
  NAME '[' dims ']' { $$ = text_type(p, $NAME, at(&@NAME)); }
;
dims:
  %empty
| dim_list
;
dim_list:
  dim
| dim_list ',' dim
;
dim:
  NUMBER { text_dim(p, $NUMBER, false, at(&@NUMBER)); }
| NAME { text_dim(p, $NAME, true, at(&@NAME)); }
;

nodes:
  %empty
| "loc" '(' node_list ')'
;
node_list:
  STRING { vec_push(&p->nodes, (text_item){TEXT_STRING, $STRING, at(&@STRING)}); }
| node_list ',' STRING { vec_push(&p->nodes, (text_item){TEXT_STRING, $STRING, at(&@STRING)}); }
;

params:
  %empty
| param_list
;
param_list:
  param
| param_list ',' param
;
param:
  VALUE port_name ':' type attrs_opt {
    vec_push(&p->params, (text_port){{$VALUE, at(&@VALUE)}, $port_name, $type, $attrs_opt});
  }
;

results:
  %empty
| "->" '(' ')'
| "->" '(' result_list ')'
;
result_list:
  result
| result_list ',' result
;
result:
  VALUE port_name attrs_opt {
    vec_push(&p->results, (text_port){{$VALUE, at(&@VALUE)}, $port_name, {0}, $attrs_opt});
  }
| "_" port_name attrs_opt {
    vec_push(&p->results, (text_port){{NULL, at(&@1)}, $port_name, {0}, $attrs_opt});
  }
;
port_name:
  %empty { $$ = NULL; }
| STRING
;

attrs_opt:
  %empty { $$ = (ir_attrs){0}; }
| attrs
;
attrs:
  '{' '}' { $$ = (ir_attrs){0}; }
| '{' attr_list '}' { $$ = p->attrs; p->attrs = (ir_attrs){0}; }
;
attr_list:
  attr
| attr_list ',' attr
;
attr:
  key '=' item { text_attr(p, $key, at(&@key), false); vec_clear(&p->items); }
| key '=' list { text_attr(p, $key, at(&@key), true); vec_clear(&p->items); }
;
key:
  NAME
| "module" { $$ = "module"; }
| "domain" { $$ = "domain"; }
| "tensor" { $$ = "tensor"; }
| "ring" { $$ = "ring"; }
| "group" { $$ = "group"; }
| "proof" { $$ = "proof"; }
| "note" { $$ = "note"; }
| "func" { $$ = "func"; }
| "loc" { $$ = "loc"; }
;
list:
  '[' ']'
| '[' item_list ']'
;
item_list:
  item
| item_list ',' item
;
item:
  NUMBER { vec_push(&p->items, (text_item){TEXT_NUMBER, $NUMBER, at(&@NUMBER)}); }
| STRING { vec_push(&p->items, (text_item){TEXT_STRING, $STRING, at(&@STRING)}); }
| SYMBOL { vec_push(&p->items, (text_item){TEXT_SYMBOL, $SYMBOL, at(&@SYMBOL)}); }
| "_" { vec_push(&p->items, (text_item){TEXT_NONE, NULL, at(&@1)}); }
;
