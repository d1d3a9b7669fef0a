// State files from strangers: taken up or refused with a word; what is taken up can run on, and is
// saved as it was. First as they are, then with length, program and checksum made to fit, else
// nothing behind them would ever be reached.
#include "isa/program.h"
#include "tests/fuzz/target.h"
#include "tests/sim/state_program.h"
#include <stdlib.h>

enum { LENGTH_AT = 12, ID_AT = 20, HEAD = ID_AT + 32, SUM = 8 };

static void put64(uint8_t *to, uint64_t v) {
    for (int i = 0; i < 8; i++) to[i] = (uint8_t)(v >> 8 * i);
}

static bool try(build *b, const uint8_t *data, size_t size) {
    sim *s = build_sim(b, 1, false);
    diag_sink *diags = diag_sink_new();
    bool ok = sim_state_load(s, 1, "fuzz.state", data, size, diags);
    if (ok != (diag_errors(diags) == 0)) abort();
    state_data d = state_data_make(1);
    float out[2 * SP_ROW];
    size_t bytes, again_bytes;
    if (ok) { // what comes back is a fixed point: written as it is read
        uint8_t *saved = state_bytes(s, 1, &bytes);
        if (!sim_state_load(s, 1, "fuzz.state", saved, bytes, diags)) abort();
        uint8_t *again = state_bytes(s, 1, &again_bytes);
        if (bytes != again_bytes || memcmp(saved, again, bytes) != 0) abort();
        free(saved);
        free(again);
    }
    state_feed(s, 1, &d, 0, 2, false, out, diags);
    diag_sink_free(diags);
    sim_free(s);
    return ok;
}

static unsigned run(const uint8_t *data, size_t size) {
    build b = state_program(0.7f);
    bool ok = try(&b, data, size);
    if (size >= HEAD + SUM) {
        uint8_t *copy = base_alloc(size);
        char id[33];
        memcpy(copy, data, size);
        isa_identity(b.p, id);
        put64(copy + LENGTH_AT, size);
        memcpy(copy + ID_AT, id, 32);
        put64(copy + size - SUM, file_hash64(copy, size - SUM));
        ok = try(&b, copy, size);
        free(copy);
    }
    build_free(&b);
    return ok;
}

const fuzz_target target = {.stages = {"loaded"}, .run = run};
