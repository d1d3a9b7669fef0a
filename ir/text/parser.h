// What grammar (text.y), scanner (text.l) and actions (parse.c) share. Internal to ir/.
//
// The grammar reads one line at a time: the parts of the line are collected in the lists below, the
// rule of the whole line turns them into IR, and text_line_end empties them again, after an error
// as well. So nothing that the grammar handles owns memory.
#ifndef OHMIC_IR_TEXT_PARSER_H
#define OHMIC_IR_TEXT_PARSER_H

#include "ir/text/text.h"

enum { TEXT_MAX_ERRORS = 100, TEXT_MAX_BYTES = 1 << 30 };

typedef struct { // columns are 1-based bytes, the last one excluded
    int line, col, end_col;
} text_loc;

typedef enum { TEXT_NUMBER, TEXT_STRING, TEXT_SYMBOL, TEXT_NONE } text_item_kind;
typedef struct { // an attribute's value or an element of one
    text_item_kind kind;
    const char *text; // NULL: `_`
    text_loc loc;
} text_item;

typedef struct { // of a value: "$name" or "%number"; NULL: `_`
    const char *name;
    text_loc loc;
} text_value;

typedef struct {
    text_value value;
    const char *name; // of the port; NULL: none
    ir_type type;     // parameters
    ir_attrs attrs;
} text_port;

typedef struct ir_parser {
    ir_module *module;
    arena *scratch; // token texts, until the parse ends
    const char *name, *dir;
    ir_tensor_lookup lookup;
    void *lookup_ctx;
    diag_sink *diags;
    int errors;

    // scanner
    int line, col;
    bool ended; // the newline in front of the end of file was given

    // the line being read
    VEC(text_item) items;
    VEC(text_value) operands, defined;
    VEC(ir_type) types;
    VEC(int64_t) dims;
    VEC(text_item) nodes;
    VEC(text_port) params, results;
    ir_attrs attrs; // of the braces being read
    bool is_module, is_func;

    // the function being read
    ir_func *func;
    bool in_func; // func may be NULL: its head was damaged
    text_loc func_loc;
    map *values; // text_value name -> ir_val, or TEXT_DAMAGED
    VEC(text_port) func_results;

    bool seen_module;
} ir_parser;

void text_error(ir_parser *p, text_loc loc, diag_id id, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

// Actions, in the order of the grammar. False from text_line_end: give up.
bool text_line_end(ir_parser *p);
void text_line_damaged(ir_parser *p);
void text_module(ir_parser *p, text_loc loc, ir_attrs attrs);
void text_domain(ir_parser *p, const char *name, text_loc loc, ir_attrs attrs);
void text_symbol(ir_parser *p, ir_symbol_kind kind, const char *name, text_loc loc, ir_attrs attrs);
void text_tensor_items(ir_parser *p, const char *name, text_loc loc, ir_type type);
void text_tensor_hash(ir_parser *p, const char *name, text_loc loc, ir_type type, const char *hash,
                      text_loc hash_loc);
void text_sentence(ir_parser *p, text_loc loc, ir_text_list *list, const char *text);
void text_func_begin(ir_parser *p, const char *name, text_loc loc, ir_attrs attrs);
void text_func_end(ir_parser *p, text_loc loc);
void text_op(ir_parser *p, const char *name, text_loc loc, ir_attrs attrs);
ir_type text_type(ir_parser *p, const char *name, text_loc loc);
void text_dim(ir_parser *p, const char *text, bool is_name, text_loc loc);
void text_attr(ir_parser *p, const char *key, text_loc loc, bool is_list);
void text_file_end(ir_parser *p);

// The scanner's own: runs scanner and grammar over the text.
void ir_text_run(ir_parser *p, const char *text, size_t bytes);

// ---- records (records.c)

// Fills the record from the attributes of its line; NULL, or what is wrong with them.
const char *text_read_domain(ir_parser *p, const ir_attrs *l, ir_domain *d);
const char *text_read_ring(ir_parser *p, const ir_attrs *l, ir_ring *r);
ir_attrs text_domain_attrs(arena *a, const ir_domain *d); // what is printed

// ---- numbers and strings (number.c)

#define TEXT_ELEM_MAX 40 // bytes that text_print_elem may write, NUL included
// Shortest text that text_read_elem turns into the same element.
void text_print_elem(elem e, const void *data, size_t i, char out[TEXT_ELEM_MAX]);
// NULL, or why the text is no such element.
const char *text_read_elem(elem e, const char *text, void *data, size_t i);
void text_print_double(double v, char out[TEXT_ELEM_MAX]);
const char *text_read_double(const char *text, double *v);
const char *text_read_int(const char *text, int64_t *v);
void text_print_string(FILE *out, const char *s); // with quotes
// Decodes the inside of a quoted string; NULL when an escape is wrong or gives NUL.
char *text_read_string(arena *a, const char *s, size_t n);
bool text_is_identifier(const char *s); // [A-Za-z_][A-Za-z0-9_.]*, and not "_"

#endif
