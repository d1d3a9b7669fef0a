// The host, internal: what its files share.
#ifndef OHMIC_HOST_PARTS_H
#define OHMIC_HOST_PARTS_H

#include "host/host.h"
#include "support/num/port_shape.h"

// ---- shapes (shape.c) ------------------------------------------------------------------------

// The port's shape text; without one [1,tN] for integers, else [1,tN,width]. False: no shape.
bool host_shape_of(const engine_port *p, port_shape *s);
// "[batch,tokens,512]"
const char *host_shape_text(arena *a, const port_shape *s);
// Batch and token count of a tensor that has the shape; batch 1 and tokens -1 where the shape has
// none.
bool host_shape_bind(const port_shape *s, const tensor *t, int64_t *batch, int64_t *tokens);
// Patches of an image port, from its layout. False: the layout does not parse or fit the shape.
bool host_map_image(arena *a, const engine_port *p, const port_shape *s, port_map *m);

// ---- a run (host.c, inputs.c, past.c) --------------------------------------------------------

// The part of one sequence that runs. Indices count the tokens given in this run.
typedef struct {
    int64_t from, until;           // tokens that run
    int64_t real_from, real_until; // those that are no padding
    int64_t past_from;             // first row of the past that is no padding
    int64_t start;                 // position of `from`
} host_span;

// The tokens of one phase: of the stream, or of an encoder in front of it.
typedef struct {
    int64_t tokens;
    host_span *span; // by sequence
} host_side;

typedef struct {
    engine *e;
    const engine_info *info;
    const tensor_set *inputs;
    const host_options *o;
    arena *a;
    diag_sink *diags;
    const tensor **given; // by port; NULL for outputs
    port_shape *shape;    // by port
    int64_t batch, past;
    tensor *past_key, *past_value; // by ring; rank 0: none
    bool has_past;
    int64_t past_batch;
    host_side side[2]; // the stream's, the encoder's
} host_job;

static inline int host_side_of(const engine_port *p) { return p->encoder; }
// The rows of a port count its side's tokens.
static inline bool host_by_token(const host_job *j, size_t port) {
    const port_shape *s = &j->shape[port];
    return s->row >= 0 &&
           s->atom[s->row].domain == j->info->domain[host_side_of(&j->info->ports[port])];
}

// Names, types, shapes; batch, tokens, past; spans. Reports all that is wrong.
bool host_inputs_check(host_job *j);
// Rows [from, from + n) of sequence b, for every input port of a side in order; the other side's
// have none. Ranges were checked.
void host_inputs_rows(host_job *j, int side, int64_t b, int64_t from, int64_t n, arena *a,
                      tensor *rows);

// Finds caches among the inputs: j->past, past_key, past_value.
void host_past_check(host_job *j, bool *used);
// Begins sequence b with what lies before it.
bool host_past_load(host_job *j, int64_t b);
// A present.* output that was asked for.
typedef struct {
    size_t ring;
    bool is_key;
    tensor_named out;
} host_present;
// Those there are, zeroed: [batch, heads, past + tokens, width] in the ring's layout.
size_t host_presents(const host_job *j, host_present **list);
// Fills in sequence b after its last step.
bool host_presents_read(host_job *j, int64_t b, host_present *list, size_t n);

bool host_wants(const host_job *j, const char *output, bool present);

#endif
