// Reading and writing of tensors by the command line; see tensors.h.
#include "host/tensors.h"
#include "frontend/onnx.h"
#include "support/file/file.h"
#include "support/file/kind.h"
#include <string.h>

static bool add(tensor_list *list, const char *name, const tensor *t, const char *path,
                diag_sink *diags) {
    for (size_t i = 0; i < list->count; i++) {
        if (strcmp(list->items[i].name, name) != 0) continue;
        diag_emit(diags, DIAG_ID_host_input, DIAG_FILE(path), "input '%s' is given twice", name);
        return false;
    }
    vec_push(list, (tensor_named){name, *t});
    return true;
}

static bool add_members(arena *a, const tensor_set *set, const char *name, const char *path,
                        tensor_list *list, diag_sink *diags) {
    bool ok = true, found = false;
    for (size_t i = 0; i < set->count; i++) {
        if (name && strcmp(name, set->items[i].name) != 0) continue;
        found = true;
        ok = add(list, arena_str(a, set->items[i].name), &set->items[i].value, path, diags) && ok;
    }
    if (!name || found) return ok;
    diag_emit(diags, DIAG_ID_host_input, DIAG_FILE(path), "there is no member '%s'", name);
    return false;
}

bool tensors_read(arena *a, const char *text, tensor_list *list, diag_sink *diags) {
    const char *name = NULL, *path = text;
    if (!file_exists(text)) arena_pair(a, text, &name, &path);
    file_map f;
    if (!file_map_open(&f, path, diags)) return false;
    bool ok;
    if (f.bytes >= 2 && memcmp(f.data, "PK", 2) == 0) {
        tensor_set set;
        ok = npz_parse(a, f.data, f.bytes, f.name, name, &set, diags) &&
             add_members(a, &set, name, path, list, diags);
    } else if (file_kind_of(f.data, f.bytes, f.bytes) == FILE_KIND_pb) {
        const char *own = "";
        tensor t;
        ok = onnx_read_tensor_pb(a, path, &own, &t, diags) &&
             add(list, name ? name : own, &t, path, diags);
    } else {
        tensor t;
        ok = npy_parse(a, f.data, f.bytes, f.name, &t, diags);
        if (ok && !name) {
            diag_emit(diags, DIAG_ID_usage, DIAG_FILE(path), "which input is this? Say NAME=%s",
                      path);
            ok = false;
        }
        ok = ok && add(list, name, &t, path, diags);
    }
    file_map_close(&f);
    return ok;
}

// As npy has it, which knows no bf16: every such number is one of f32.
static tensor_set as_npy(arena *a, const tensor_set *set) {
    tensor_set out = {ARENA_ARRAY(a, tensor_named, set->count + 1), set->count};
    for (size_t i = 0; i < set->count; i++) {
        out.items[i] = set->items[i];
        if (set->items[i].value.type == ELEM_bf16)
            out.items[i].value = tensor_cast(a, &set->items[i].value, ELEM_f32);
    }
    return out;
}

bool tensors_write(arena *a, const char *text, const tensor_set *given, diag_sink *diags) {
    const char *name, *path;
    const tensor_set outputs = as_npy(a, given), *set = &outputs;
    if (!arena_pair(a, text, &name, &path)) {
        if (file_ends_in(text, ".npy") && set->count == 1)
            return npy_write(text, &set->items[0].value, diags);
        return npz_write(text, set, diags);
    }
    for (size_t i = 0; i < set->count; i++)
        if (strcmp(set->items[i].name, name) == 0)
            return npy_write(path, &set->items[i].value, diags);
    diag_emit(diags, DIAG_ID_usage, DIAG_NOWHERE, "there is no output '%s'", name);
    return false;
}
