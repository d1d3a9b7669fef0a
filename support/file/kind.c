// Kinds of file; see kind.h.
#include "support/file/kind.h"
#include "support/name.h"
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct {
    const char *name, *what, *cure;
} rows[FILE_KINDS] = {
#define FILE_KIND(name, what, cure) {#name, what, cure},
#include "support/file/kind.def"
};

const char *file_kind_name(file_kind k) { return rows[k].name; }
const char *file_kind_what(file_kind k) { return rows[k].what; }
const char *file_kind_cure(file_kind k) { return rows[k].cure; }

bool file_kind_parse(const char *name, size_t n, file_kind *k) {
    for (int i = 0; i < FILE_KINDS; i++) {
        if (strlen(rows[i].name) != n || memcmp(rows[i].name, name, n) != 0) continue;
        *k = (file_kind)i;
        return true;
    }
    return false;
}

// ---- binary kinds ----------------------------------------------------------------------------

static const struct {
    file_kind kind;
    size_t at, n;
    const char *bytes;
} marks[] = {
    {FILE_KIND_ohm, 16, 4, "\x02\0HO"}, // an ELF file's type and machine
    {FILE_KIND_state, 0, 8, "OHMSTATE"},  {FILE_KIND_npy, 0, 6, "\x93NUMPY"},
    {FILE_KIND_gguf, 0, 4, "GGUF"},       {FILE_KIND_hdf5, 0, 8, "\x89HDF\r\n\x1a\n"},
    {FILE_KIND_safetensors, 8, 2, "{\""},
};

static uint64_t little_endian(const uint8_t *p) {
    uint64_t v = 0;
    for (int i = 8; i-- > 0;) v = v << 8 | p[i];
    return v;
}

// A zip archive: PyTorch's begins with a member NAME/data.pkl.
static file_kind kind_of_zip(const uint8_t *p, size_t n) {
    enum { NAME_LENGTH = 26, NAME = 30 };
    static const char pickle[] = "/data.pkl";
    size_t k = n > NAME ? p[NAME_LENGTH] | (size_t)p[NAME_LENGTH + 1] << 8 : 0,
           m = sizeof pickle - 1;
    bool torch = k >= m && NAME + k <= n && memcmp(p + NAME + k - m, pickle, m) == 0;
    return torch ? FILE_KIND_torch : FILE_KIND_npz;
}

static bool varint(const uint8_t **p, const uint8_t *end, uint64_t *v) {
    *v = 0;
    for (unsigned shift = 0; *p < end && shift < 64; shift += 7) {
        uint8_t b = *(*p)++;
        *v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80) return true;
    }
    return false;
}

// A protocol buffer that begins as ONNX's models do (ir_version, then the producer, the graph or
// operator sets), or as its tensors (dimensions, then the element type). FILE_KIND_bytes: neither.
static file_kind kind_of_message(const uint8_t *p, size_t n, uint64_t file_bytes) {
    const uint8_t *at = p, *end = p + n;
    bool model = true, tensor = true, version = false, type = false, graph = false;
    for (int fields = 0; at < end && fields < 64; fields++) {
        uint64_t tag, v;
        if (!varint(&at, end, &tag)) break;
        unsigned field = (unsigned)(tag >> 3), wire = tag & 7;
        if (tag > 0xff || (wire != 0 && wire != 2) || !varint(&at, end, &v)) return FILE_KIND_bytes;
        model &= wire == 2 ? field == 2 || field == 3 || field == 4 || (field >= 6 && field <= 8) ||
                                 field == 14 || field == 20 || field == 25 || field == 26
                           : field == 1 || field == 5;
        tensor &= wire == 2 ? field == 1 || (field >= 4 && field <= 13) || field == 16
                            : field == 1 || field == 2 || field == 5 || field == 7 || field == 14;
        version |= field == 1 && wire == 0;
        graph |= (field == 7 || field == 8) && wire == 2;
        type |= field == 2 && wire == 0;
        if (wire == 0) continue;
        if (v > file_bytes) return FILE_KIND_bytes;
        if (v >= (uint64_t)(end - at)) break;
        at += v;
    }
    if (model && version && graph) return FILE_KIND_onnx;
    return tensor && type ? FILE_KIND_pb : FILE_KIND_bytes;
}

// ---- texts -----------------------------------------------------------------------------------

static bool is_text(const char *p, size_t n, bool whole) {
    for (size_t at = 0; at < n;) {
        uint32_t c;
        size_t k = name_char(p + at, n - at, &c);
        if (k == 0) return !whole && n - at < 4; // a character may be cut off
        if (c < 0x20 && !strchr("\t\n\r\f", (int)c)) return false;
        if (c == 0) return false;
        at += k;
    }
    return true;
}

static bool begins(const char *p, size_t n, const char *word) {
    size_t k = strlen(word);
    return n >= k && memcmp(p, word, k) == 0;
}

static file_kind kind_of_text(const char *p, size_t n) {
    if (n >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) p += 3, n -= 3; // a byte order mark
    for (size_t at = 0; at < n;) { // the first line that is no comment
        const char *line = p + at, *stop = memchr(line, '\n', n - at);
        size_t k = stop ? (size_t)(stop - line) : n - at, blank = 0;
        while (blank < k && strchr(" \t\r", line[blank])) blank++;
        at += k + 1;
        line += blank;
        k -= blank;
        if (k == 0 || begins(line, k, "#") || begins(line, k, ";") || begins(line, k, "//"))
            continue;
        if (begins(line, k, ".ohm ")) return FILE_KIND_s;
        if (begins(line, k, "module {") || begins(line, k, "module{")) return FILE_KIND_oir;
        if (begins(line, k, "{") || begins(line, k, "[")) return FILE_KIND_json;
        bool chip = begins(line, k, "name:");
        for (; chip && at < n; at += k + 1) { // a second key of chips
            line = p + at;
            stop = memchr(line, '\n', n - at);
            k = stop ? (size_t)(stop - line) : n - at;
            if (begins(line, k, "summary:") || begins(line, k, "tile:")) return FILE_KIND_chip;
        }
        break;
    }
    return FILE_KIND_text;
}

// ---- both ------------------------------------------------------------------------------------

file_kind file_kind_of(const void *data, size_t n, uint64_t file_bytes) {
    const uint8_t *p = data;
    if (file_bytes == 0) return FILE_KIND_empty;
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        if (n < marks[i].at + marks[i].n) continue;
        if (memcmp(p + marks[i].at, marks[i].bytes, marks[i].n) != 0) continue;
        if (marks[i].kind != FILE_KIND_safetensors || little_endian(p) < file_bytes)
            return marks[i].kind;
    }
    if (n >= 4 && memcmp(p, "PK\3\4", 4) == 0) return kind_of_zip(p, n);
    if (is_text(data, n, n == file_bytes)) return kind_of_text(data, n);
    return kind_of_message(p, n, file_bytes);
}

file_kind file_kind_at(const char *path) {
    uint8_t first[FILE_KIND_BYTES];
    bool standard = strcmp(path, "-") == 0;
    struct stat st;
    if (!standard && stat(path, &st) == 0 && S_ISDIR(st.st_mode)) return FILE_KIND_folder;
    if (!standard && (stat(path, &st) != 0 || !S_ISREG(st.st_mode))) return FILE_KIND_bytes;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return FILE_KIND_bytes;
    file_kind kind = FILE_KIND_bytes;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        off_t from = standard ? lseek(fd, 0, SEEK_CUR) : 0;
        ssize_t n = pread(fd, first, sizeof first, from);
        if (n >= 0) kind = file_kind_of(first, (size_t)n, n ? (uint64_t)(st.st_size - from) : 0);
    }
    if (!standard) close(fd);
    return kind;
}
