#ifdef _OPENMP
#include <omp.h>
#endif

#include "run/threads.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "csep.h"
#include "plan/arith.h"
#include "system/float_mode.h"
#include "system/fork_helper.h"
#include "system/processor.h"
#include "system/tsan.h"

#ifdef _OPENMP
/* Threads that OpenMP gives to a thread that has not said otherwise. */
static int usual_threads;

int csep_built_with_openmp(void) { return 1; }

/* libgomp keeps the affinity it found before it bound the thread that loaded it. */
int csep_count_processors(void) { return omp_get_num_procs(); }

void csep_note_usual_threads(void)
{
    const char *told = getenv("OMP_NUM_THREADS");
    const long number = told ? strtol(told, NULL, 10) : 0;
    usual_threads = number >= 1 && number < CSEP_MAX_THREADS ? (int)number : omp_get_num_procs();
}

int csep_allowed_threads(void)
{
    const int now = omp_get_max_threads();
    return now < usual_threads ? now : CSEP_MAX_THREADS;
}
#else
int csep_built_with_openmp(void) { return 0; }

int csep_count_processors(void) { return csep_affinity(); }

void csep_note_usual_threads(void) {}

int csep_allowed_threads(void) { return CSEP_MAX_THREADS; }
#endif

/* The jobs are dealt in runs, one for each thread; where each run has got to, on a cache line of
 * its own. */
typedef struct progress {
    _Alignas(CSEP_DEAL_ALIGNMENT) atomic_llong next;
} progress;

int64_t csep_deal_bytes(int threads) { return threads * (int64_t)sizeof(progress); }

typedef struct deal {
    int64_t jobs;
    csep_thread_grant grant;
    csep_job_fn run;
    void *context;
    progress *runs;
    uint64_t float_mode; /* the caller's, for all its threads: else their bits would differ */
} deal;

/* A thread works off its own run, which lies in one piece: in a network that is the part of the
 * image it wrote in the layer before, and has in its cache.  Then it helps the others. */
static void work_off(const deal *d, int thread)
{
    const int threads = d->grant.threads;
    if (thread >= threads)
        return;
    for (int i = 0; i < threads; i++) {
        const int run = (thread + i) % threads;
        const int64_t end = share(d->jobs, run + 1, threads);
        atomic_llong *next = &d->runs[run].next;
        int64_t job;
        while ((job = atomic_fetch_add_explicit(next, 1, memory_order_relaxed)) < end)
            d->run(d->context, job, thread);
    }
}

#ifdef _OPENMP
static void region(void *argument)
{
    deal *d = argument;
    tsan_release(d);
#pragma omp parallel num_threads(d->grant.team)
    {
        tsan_acquire(d);
        const uint64_t own = csep_get_float_mode();
        if (own != d->float_mode)
            csep_set_float_mode(d->float_mode);
        work_off(d, omp_get_thread_num());
        if (own != d->float_mode)
            csep_set_float_mode(own);
        tsan_release(&d->runs);
    }
    tsan_acquire(&d->runs);
}

/* Whether it ran: a helper may be one more thread than can be made. */
static int run_region(deal *d)
{
    if (csep_is_forked_thread()) {
        if (!csep_run_on_helper(region, d))
            return 0;
    } else {
        region(d);
    }
    csep_budget_team_exists(d->grant);
    return 1;
}
#else
static int run_region(deal *d)
{
    (void)d;
    return 0;
}
#endif

void csep_deal_jobs(int64_t jobs, csep_thread_grant grant, csep_job_fn run, void *context,
                    void *memory)
{
    deal d = {jobs, grant, run, context, memory, csep_get_float_mode()};
    for (int i = 0; i < grant.threads; i++)
        atomic_init(&d.runs[i].next, share(jobs, i, grant.threads));
    if (grant.threads == 1 || !run_region(&d))
        work_off(&d, 0);
}
