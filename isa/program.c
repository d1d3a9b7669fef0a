// The program object: one arena, and the string table while it grows.
#include "isa/program_data.h"
#include "support/map.h"
#include "support/vec.h"

typedef struct {
    isa_program program; // first: the public part
    map *offsets;        // string -> offset
    VEC(char) strings;
    file_map data;
} builder;

isa_program *isa_program_new(void) {
    builder *b = base_calloc(1, sizeof *b);
    isa_program *p = &b->program;
    p->arena = arena_new();
    p->banks = 1;
    p->chip = p->ir = p->proof = p->notes = p->tool = "";
    b->offsets = map_new();
    isa_program_string(p, "");
    return p;
}

void isa_program_free(isa_program *p) {
    if (!p) return;
    builder *b = (builder *)p;
    arena_free(p->arena);
    map_free(b->offsets);
    vec_free(&b->strings);
    file_map_close(&b->data);
    free(b);
}

void isa_program_own(isa_program *p, file_map *f) {
    ((builder *)p)->data = *f;
    *f = (file_map){0};
}

uint32_t isa_program_string(isa_program *p, const char *s) {
    builder *b = (builder *)p;
    CHECK(p->strings == b->strings.items, "strings of a program that was read are fixed");
    uint32_t known = map_get(b->offsets, s);
    if (known != MAP_NONE) return known;
    size_t offset = b->strings.count, n = strlen(s) + 1;
    CHECK(offset + n < UINT32_MAX, "%zu bytes of names", offset + n);
    vec_reserve(&b->strings, offset + n);
    memcpy(b->strings.items + offset, s, n);
    b->strings.count += n;
    map_set(b->offsets, s, (uint32_t)offset);
    p->strings = b->strings.items;
    p->strings_bytes = b->strings.count;
    return (uint32_t)offset;
}

isa_prole isa_port_role(const char *name) {
    unsigned role;
    bool known = isa_enum_find(&isa_enums[ISA_ENUM_prole], name, strlen(name), &role);
    return known ? (isa_prole)role : ISA_ROLE_DATA;
}

uint8_t *isa_port_phases(const isa_program *p, arena *a) {
    uint8_t *phases = ARENA_ARRAY(a, uint8_t, p->n_ports + 1);
    for (uint32_t t = 0; t < p->n_tiles; t++)
        for (uint32_t k = 0; k < p->n_phases; k++)
            for (uint32_t pc = 0; pc < p->tiles[t].phase[k].count; pc++) {
                const isa_insn *i = &p->tiles[t].phase[k].code[pc];
                bool port = i->op == ISA_in || i->op == ISA_out;
                if (port && i->x < p->n_ports) phases[i->x] |= (uint8_t)(1u << k);
            }
    return phases;
}
