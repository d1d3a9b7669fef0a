// Program files: ELF64 (.ohm).
#ifndef OHMIC_ISA_FILE_FILE_H
#define OHMIC_ISA_FILE_FILE_H
#include "isa/program.h"
#include "support/file/file.h"

// Writes through file_out (temporary, rename). Same program, same bytes.
bool isa_write(const isa_program *p, const char *path, diag_sink *diags);
// Into what the caller has opened, and commits or abandons. path: for messages.
bool isa_write_into(const isa_program *p, file_out *out, const char *path, diag_sink *diags);
// Maps and decodes; checks structure, sizes, content hash, every offset. The returned program
// aliases `f`, which must outlive it. NULL: reported with section and offset. Not yet verified: see
// verify.h.
isa_program *isa_read(const file_map *f, diag_sink *diags);
#endif
