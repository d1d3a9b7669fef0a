// Which inputs are [batch, channels, tokens]? Those that a convolution reads so. By rank and type
// alone the axis behind the batch counts tokens.
#include "passes/tokens/bind/bind.h"
#include <string.h>

void bind_channels(const bind_source *s, bind_role *role,
                   bool (*is_convolved)(void *ctx, size_t input), void *ctx) {
    for (size_t i = 0; i < s->n_inputs; i++) {
        const bind_port *p = &s->inputs[i];
        bind_role *r = &role[i], before = *r;
        bool told = r->asked[1] || r->asked[2] || strcmp(r->role, "tokens") != 0;
        if (told || p->rank != 3 || !elem_is_float(p->type) || p->dim[1].size < 0 ||
            strcmp(r->axis[1], "tokens") != 0 || strcmp(r->axis[2], "fixed") != 0)
            continue;
        r->axis[1] = "fixed";
        r->axis[2] = "tokens";
        if (!is_convolved(ctx, i)) *r = before;
    }
}
