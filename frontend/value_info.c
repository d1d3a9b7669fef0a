// What types and shapes do inputs and outputs declare? ValueInfoProto, unpacked by protobuf-c after
// the nesting is checked (protobuf-c has no recursion limit; TypeProto nests through sequences).
#include "frontend/model.h"
#include "onnx/onnx.pb-c.h"
#include <stdlib.h>

#define MAX_TYPE_DEPTH 24
#define MAX_VALUE_INFO_BYTES (1u << 20)

static void read_tensor_type(onnx_reader *r, const Onnx__TypeProto__Tensor *t, onnx_port *out) {
    out->onnx_type = t->elem_type;
    out->has_type = elem_from_onnx(t->elem_type, &out->type);
    if (!t->shape) return;
    out->rank = (int)t->shape->n_dim;
    onnx_dim *dim = ARENA_ARRAY(r->arena, onnx_dim, out->rank);
    for (int i = 0; i < out->rank; i++) {
        const Onnx__TensorShapeProto__Dimension *d = t->shape->dim[i];
        dim[i] = (onnx_dim){-1, NULL};
        if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE &&
            d->dim_value >= 0) {
            dim[i].value = d->dim_value;
        } else if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM &&
                   d->dim_param[0]) {
            dim[i].param = arena_str(r->arena, d->dim_param);
        }
    }
    out->dim = dim;
}

// Lacking memory is no damage of the file.
static void *allocate(void *unused, size_t bytes) { return base_alloc(bytes); }
static void release(void *unused, void *p) { free(p); }

bool onnx_read_port(onnx_reader *r, wire_span s, onnx_port *out) {
    *out = (onnx_port){.name = "", .kind = "unknown", .rank = -1};
    if (!onnx_count_message(r, s.p)) return false;
    if (s.n > MAX_VALUE_INFO_BYTES || wire_depth(s, MAX_TYPE_DEPTH) >= MAX_TYPE_DEPTH)
        return onnx_damaged(r, s.p, "a type declaration is nested too deep or too big");
    ProtobufCAllocator memory = {.alloc = allocate, .free = release};
    Onnx__ValueInfoProto *v = onnx__value_info_proto__unpack(&memory, s.n, s.p);
    if (!v) return onnx_damaged(r, s.p, "a value declaration does not parse");
    if (v->name) out->name = arena_str(r->arena, v->name);
    if (v->type) {
        switch (v->type->value_case) {
        case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE:
            out->kind = "tensor";
            read_tensor_type(r, v->type->tensor_type, out);
            break;
        case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE: out->kind = "sequence"; break;
        case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE: out->kind = "optional"; break;
        case ONNX__TYPE_PROTO__VALUE_MAP_TYPE: out->kind = "map"; break;
        case ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE: out->kind = "sparse tensor"; break;
        default: break;
        }
    }
    onnx__value_info_proto__free_unpacked(v, &memory);
    return true;
}
