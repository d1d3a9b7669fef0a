// How compiling grows with the number of groups of weights: a chain of N residual products, each
// with a matrix of its own, compiled by the command; processor time and memory of each size.
#include "support/num/random.h"
#include "tests/frontend/onnx_writer.h"
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WIDTH = 4, FLOAT = 1 };

// x := x + x * W for N matrices; the rows are tokens.
static void write_chain(const char *path, size_t n) {
    bytes graph = {0};
    random_stream draws = random_of(1, RANDOM_TEST, 0);
    char x[32] = "x", w[32], product[32], sum[32], in[80];
    for (size_t i = 0; i < n; i++) {
        float weights[WIDTH * WIDTH];
        for (int k = 0; k < WIDTH * WIDTH; k++) weights[k] = (random_f32(&draws) - 0.5f) / WIDTH;
        snprintf(w, sizeof w, "w%zu", i);
        snprintf(product, sizeof product, "p%zu", i);
        snprintf(sum, sizeof sum, i + 1 < n ? "x%zu" : "y", i + 1);
        snprintf(in, sizeof in, "%s %s", x, w);
        put_msg(&graph, 1, node("MatMul", in, product));
        snprintf(in, sizeof in, "%s %s", x, product);
        put_msg(&graph, 1, node("Add", in, sum));
        put_msg(&graph, 5,
                tensor_raw(w, FLOAT, 2, (const int64_t[]){WIDTH, WIDTH}, weights, sizeof weights));
        memcpy(x, sum, sizeof x);
    }
    put_str(&graph, 2, "chain");
    put_msg(&graph, 11, port("x", FLOAT, 3, (const int64_t[]){1, -1, WIDTH}));
    put_msg(&graph, 12, port("y", FLOAT, 3, (const int64_t[]){1, -1, WIDTH}));
    write_model(path, model_of(graph, 17));
}

typedef struct {
    double seconds, mib;
} cost;

static double seconds_of(struct timeval t) { return (double)t.tv_sec + 1e-6 * (double)t.tv_usec; }

// Runs the command to its end; its output goes nowhere.
static cost run(const char *const *argv) {
    fflush(stdout);
    const pid_t child = fork();
    if (child == 0) {
        freopen("/dev/null", "w", stdout);
        execv(argv[0], (char *const *)argv);
        _exit(127);
    }
    int status;
    struct rusage used;
    if (child < 0 || wait4(child, &status, 0, &used) != child || status != 0) exit(1);
    return (cost){seconds_of(used.ru_utime) + seconds_of(used.ru_stime),
                  (double)used.ru_maxrss / 1024};
}

int main(int argc, char **argv) {
    if (argc < 4) {
        fprintf(stderr, "usage: bench_groups OHMIC CHIP N... [-- OPTIONS]\n");
        return 2;
    }
    char dir[] = "/tmp/bench_groups.XXXXXX", model[64], program[64];
    if (!mkdtemp(dir)) return 1;
    snprintf(model, sizeof model, "%s/chain.onnx", dir);
    snprintf(program, sizeof program, "%s/chain.ohm", dir);
    const char *command[64] = {argv[1], "compile", model, "--chip", argv[2], "-q", "-o", program};
    size_t words = 8;
    int sizes = 3;
    while (sizes < argc && strcmp(argv[sizes], "--") != 0) sizes++;
    for (int i = sizes + 1; i < argc && words < 63; i++) command[words++] = argv[i];
    printf("| groups | processor time | memory | time for a group |\n|---|---|---|---|\n");
    for (int i = 3; i < sizes; i++) {
        const size_t n = (size_t)strtoull(argv[i], NULL, 10);
        write_chain(model, n);
        const cost c = run(command);
        printf("| %zu | %.2f s | %.0f MiB | %.1f us |\n", n, c.seconds, c.mib,
               1e6 * c.seconds / (double)n);
    }
    unlink(model);
    unlink(program);
    rmdir(dir);
    return 0;
}
