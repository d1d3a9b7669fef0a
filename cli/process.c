// The process around the command; see process.h.
#include "cli/process.h"
#include "cli/args.h"
#include "cli/commands.h"
#include "cli/signals.h"
#include "support/file/file.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int process_run(int argc, char **argv) {
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
