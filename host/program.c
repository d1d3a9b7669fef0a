// Opening program files; see program.h.
#include "host/program.h"
#include "isa/file/file.h"
#include <string.h>

bool program_open(program_file *f, const char *path, arena *a, diag_sink *diags) {
    *f = (program_file){0};
    if (!file_map_open(&f->file, path, diags)) return false;
    f->program = isa_read(&f->file, diags);
    if (f->program)
        f->chip = machine_parse(a, f->program->chip, strlen(f->program->chip), path, diags);
    return f->chip != NULL;
}

void program_close(program_file *f) {
    isa_program_free(f->program);
    file_map_close(&f->file);
}
