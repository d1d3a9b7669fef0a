// What lies outside the repository: ../shared has real models and the ONNX conformance suite.
// Tests ask here for a path; what is absent is a SKIP said aloud, which fails in CI (scripts/test).
#ifndef OHMIC_TESTS_SHARED_H
#define OHMIC_TESTS_SHARED_H

#include "support/file/file.h"
#include <stdio.h>
#include <stdlib.h>

#define SHARED OHMIC_SOURCE_DIR "/../shared"
#define MODELS SHARED "/models"
#define UNPACKED OHMIC_BUILD_DIR "/unpacked"
#define EXPORTS UNPACKED "/exports" // one folder per export: model.onnx, test_data_set_*

static inline bool shared_present(const char *path) {
    if (file_exists(path)) return true;
    printf("SKIP: %s is not there\n", path);
    return false;
}

// Unpacks an archive of ../shared into `into`, once per build folder; tests running side by side
// wait for the one that does it.
static inline bool shared_unpack(const char *archive, const char *into) {
    char command[4096];
    if (!shared_present(archive)) return false;
    snprintf(command, sizeof command,
             "test -e '%s/.done' || { flock 9; test -e '%s/.done' || { mkdir -p '%s' && "
             "tar -xf '%s' -C '%s' && touch '%s/.done'; }; } 9>'%s/unpack.lock'",
             into, into, into, archive, into, into, OHMIC_BUILD_DIR);
    if (system(command) == 0) return true;
    fprintf(stderr, "%s cannot be unpacked into %s\n", archive, into);
    exit(1);
}

static inline bool shared_exports(void) {
    return shared_unpack(MODELS "/exports/exports.tar.xz", EXPORTS);
}

#endif
