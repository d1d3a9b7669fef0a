// parallel_for on a pool of sleeping threads. Which thread runs a chunk is left open; what a chunk
// is depends on nothing but n, grain and the thread count.
//
// Not OpenMP: libgomp's idle threads spin for milliseconds after each loop, which costs a machine
// with other work more than the loop gains (measured here: 18 instead of 740 tokens/s on two loaded
// cores), and only the environment can change that. These spin for about a microsecond, then sleep.
#include "support/parallel.h"
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum { MAX_THREADS = 64, SPINS = 400 };

typedef struct {
    void (*body)(void *ctx, size_t begin, size_t end);
    void *ctx;
    size_t n, step;
    atomic_size_t next; // first index not handed out
} loop;

typedef struct {
    pthread_mutex_t user; // held by the caller whose loop runs; others run theirs alone
    pthread_mutex_t lock; // guards the rest
    pthread_cond_t wake, done;
    atomic_uint round; // counts loops: a new number is a new loop
    int working;       // helpers inside the present loop
    int threads;       // started
    int wanted;        // helpers of the present loop
    loop *loop;        // NULL: over; whoever comes late has missed it
} pool;

typedef struct {
    pool *pool;
    int index;
} helper;

int parallel_cores(void) {
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > MAX_THREADS ? MAX_THREADS : (int)n;
}

static void work(loop *l) {
    for (;;) {
        size_t begin = atomic_fetch_add(&l->next, l->step);
        if (begin >= l->n) return;
        l->body(l->ctx, begin, l->n - begin < l->step ? l->n : begin + l->step);
    }
}

static void *help(void *arg) {
    helper me = *(helper *)arg;
    free(arg);
    pool *p = me.pool;
    unsigned seen = 0;
    for (;;) {
        for (int i = 0; i < SPINS && atomic_load(&p->round) == seen; i++) __builtin_ia32_pause();
        pthread_mutex_lock(&p->lock);
        while (atomic_load(&p->round) == seen) pthread_cond_wait(&p->wake, &p->lock);
        seen = atomic_load(&p->round);
        loop *l = me.index < p->wanted ? p->loop : NULL;
        if (l) p->working++;
        pthread_mutex_unlock(&p->lock);
        if (!l) continue;
        work(l);
        pthread_mutex_lock(&p->lock);
        if (--p->working == 0) pthread_cond_signal(&p->done);
        pthread_mutex_unlock(&p->lock);
    }
    return NULL;
}

// The one pool of the process: threads are a property of the machine, not of a computation.
static pool *the_pool(void) {
    static pool p = {.user = PTHREAD_MUTEX_INITIALIZER,
                     .lock = PTHREAD_MUTEX_INITIALIZER,
                     .wake = PTHREAD_COND_INITIALIZER,
                     .done = PTHREAD_COND_INITIALIZER};
    return &p;
}

// Starts helpers up to `n`; fewer when the system refuses. Called with `user` held.
static void start(pool *p, int n) {
    while (p->threads < n) {
        helper *h = base_alloc(sizeof *h);
        *h = (helper){p, p->threads};
        pthread_t t;
        if (pthread_create(&t, NULL, help, h) != 0) {
            free(h);
            return;
        }
        pthread_detach(t);
        p->threads++;
    }
}

void parallel_for(int threads, size_t n, size_t grain,
                  void (*body)(void *ctx, size_t begin, size_t end), void *ctx) {
    if (n == 0) return;
    if (grain == 0) grain = 1;
    size_t grains = n / grain + (n % grain != 0);
    if (threads <= 0) threads = grains == 1 ? 1 : parallel_cores(); // the system is slow to answer
    if (threads > MAX_THREADS) threads = MAX_THREADS;
    if ((size_t)threads > grains) threads = (int)grains;
    pool *p = the_pool();
    // A loop inside a loop, or beside another caller's, runs on the thread it is on.
    if (threads == 1 || pthread_mutex_trylock(&p->user) != 0) {
        body(ctx, 0, n);
        return;
    }
    size_t per_chunk = grains / ((size_t)threads * 4); // four a thread evens out unequal chunks
    loop l = {.body = body, .ctx = ctx, .n = n, .step = (per_chunk ? per_chunk : 1) * grain};
    start(p, threads - 1);
    pthread_mutex_lock(&p->lock);
    p->wanted = threads - 1 < p->threads ? threads - 1 : p->threads;
    p->loop = &l;
    atomic_fetch_add(&p->round, 1);
    pthread_cond_broadcast(&p->wake);
    pthread_mutex_unlock(&p->lock);
    work(&l);
    pthread_mutex_lock(&p->lock);
    p->loop = NULL;
    while (p->working > 0) pthread_cond_wait(&p->done, &p->lock);
    pthread_mutex_unlock(&p->lock);
    pthread_mutex_unlock(&p->user);
}
