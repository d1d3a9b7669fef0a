// The command as a process: what it says, how it ends, what it takes.
#ifndef OHMIC_TESTS_CLI_COMMAND_H
#define OHMIC_TESTS_CLI_COMMAND_H

#include "support/base.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define OHMIC OHMIC_BUILD_DIR "/ohmic"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COMMAND_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define COMMAND_SANITIZED 1
#endif
#endif

typedef struct {
    int code, signal; // of the end; one of them is 0
    double seconds;
    long megabytes;
    char out[1 << 18], err[1 << 16];
    size_t n_out, n_err;
} outcome;

static inline size_t command_slurp(const char *path, char *out, size_t most) {
    FILE *f = fopen(path, "rb");
    if (!f) return 0;
    size_t n = fread(out, 1, most - 1, f);
    out[n] = 0;
    fclose(f);
    return n;
}

// argv ends with NULL; input: a file, NULL for none. Works in the current folder.
static inline void command_run(outcome *o, const char *const *argv, const char *input) {
    char out[] = "/tmp/ohmic_out_XXXXXX", err[] = "/tmp/ohmic_err_XXXXXX";
    int fd_out = mkstemp(out), fd_err = mkstemp(err);
    CHECK(fd_out >= 0 && fd_err >= 0, "no temporary file");

    pid_t child = fork();
    if (child == 0) {
        int in = open(input ? input : "/dev/null", O_RDONLY);
        dup2(in, 0), dup2(fd_out, 1), dup2(fd_err, 2);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    int status;
    struct rusage use;
    wait4(child, &status, 0, &use);
    close(fd_out), close(fd_err);
    o->code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    o->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    o->seconds = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                 1e-6 * (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
    o->megabytes = use.ru_maxrss / 1024;
    o->n_out = command_slurp(out, o->out, sizeof o->out);
    o->n_err = command_slurp(err, o->err, sizeof o->err);
    unlink(out), unlink(err);
}
#define COMMAND(o, ...) command_run((o), (const char *const[]){OHMIC, __VA_ARGS__, NULL}, NULL)

#endif
