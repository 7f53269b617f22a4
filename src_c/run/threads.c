#include "run/threads.h"

#include <stdatomic.h>

#include "plan/arith.h"
#include "system/float_mode.h"
#include "system/thread_team.h"

/* The jobs are dealt in runs, one for each thread; where each run has got to, on a cache line of
 * its own. */
typedef struct progress {
    _Alignas(CSEP_DEAL_ALIGNMENT) atomic_llong next;
} progress;

int64_t csep_deal_bytes(int threads) { return threads * (int64_t)sizeof(progress); }

typedef struct deal {
    int64_t jobs;
    int threads;
    csep_job_fn run;
    void *context;
    progress *runs;
    uint64_t float_mode; /* the caller's, for all its threads: else their bits would differ */
} deal;

/* A thread works off its own run, which lies in one piece: in a network that is the part of the
 * image it wrote in the layer before, and has in its cache.  Then it takes jobs of the others, one
 * by one: those that never came, or that another process has interrupted. */
static void work_off(const deal *d, int thread)
{
    for (int i = 0; i < d->threads; i++) {
        const int run = (thread + i) % d->threads;
        const int64_t end = share(d->jobs, run + 1, d->threads);
        atomic_llong *next = &d->runs[run].next;
        int64_t job;
        while ((job = atomic_fetch_add_explicit(next, 1, memory_order_relaxed)) < end)
            d->run(d->context, job, thread);
    }
}

static void work_in_callers_mode(void *argument, int thread)
{
    const deal *d = argument;
    const uint64_t own = csep_get_float_mode();
    if (own != d->float_mode)
        csep_set_float_mode(d->float_mode);
    work_off(d, thread);
    if (own != d->float_mode)
        csep_set_float_mode(own);
}

void csep_deal_jobs(int64_t jobs, int threads, csep_job_fn run, void *context, void *memory)
{
    deal d = {jobs, threads, run, context, memory, csep_get_float_mode()};
    for (int i = 0; i < threads; i++)
        atomic_init(&d.runs[i].next, share(jobs, i, threads));
    if (threads == 1)
        work_off(&d, 0);
    else
        csep_run_team(threads, work_in_callers_mode, &d);
}
