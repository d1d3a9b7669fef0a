// The process around the command; see process.h.
#include "cli/process.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/signals.h"
#include "support/file/file.h"
#include <jansson.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Values of a step come and go. A heap that gave their pages back to the system at once would get
// them zeroed, one fault a page, for the next ones.
static void keep_heap(void) {
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, 128 << 20);
#endif
}

int process_run(int argc, char **argv) {
    keep_heap();
    signals_watch();
    json_set_alloc_funcs(base_alloc, free); // what it lacks memory for would be a syntax error
    file_sink output = {.fd = STDOUT_FILENO};
    FILE *before = stdout, *stream = file_sink_open(&output);
    if (isatty(STDOUT_FILENO)) setvbuf(stream, output.buffer, _IOLBF, sizeof output.buffer);
    stdout = stream;
    int code = commands_run(argc, argv);
    fclose(stream);
    stdout = before;
    if (output.error) {
        fprintf(stderr, "<stdout>: error: cannot write: %s [io]\n", strerror(output.error));
        if (code == EXIT_OK) code = EXIT_REJECTED;
    }
    return code;
}
