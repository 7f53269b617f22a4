#include "run/threads.h"

#include <stdatomic.h>

#include "plan/arith.h"
#include "system/float_mode.h"
#include "system/spin.h"
#include "system/thread_team.h"

/* The jobs of a task are dealt in runs, one for each thread.  How far each run has got, on a cache
 * line of its own: the task, counted from 1, and the next of its jobs.  A run that still shows an
 * earlier task has not been touched in this one. */
typedef struct progress {
    _Alignas(CSEP_TASK_ALIGNMENT) atomic_llong next;
} progress;

/* CSEP_MAX_JOBS is one of them. */
#define JOB_BITS 41

enum { RUNNING, ENDED, AWAITED };

typedef struct task_state {
    atomic_llong left;      /* jobs */
    _Atomic uint32_t phase; /* AWAITED: somebody sleeps until it is ENDED */
} task_state;

int64_t csep_task_bytes(int tasks, int threads)
{
    return threads * (int64_t)sizeof(progress) + tasks * (int64_t)sizeof(task_state);
}

typedef struct deal {
    const csep_task *tasks;
    int count, threads;
    progress *runs;
    task_state *states;
    uint64_t float_mode; /* the caller's, for all its threads: else their bits would differ */
} deal;

/* The next job of a run in a task, or -1. */
static int64_t take_job(const deal *d, int task, int run)
{
    const int64_t jobs = d->tasks[task].jobs;
    const int64_t begin = share(jobs, run, d->threads), end = share(jobs, run + 1, d->threads);
    const int64_t number = task + INT64_C(1);
    atomic_llong *next = &d->runs[run].next;
    long long seen = atomic_load_explicit(next, memory_order_relaxed);
    for (;;) {
        const int64_t current = seen >> JOB_BITS;
        const int64_t job = current < number ? begin : seen - (number << JOB_BITS);
        if (current > number || job >= end)
            return -1;
        const long long after = (number << JOB_BITS) + job + 1;
        if (atomic_compare_exchange_weak_explicit(next, &seen, after, memory_order_relaxed,
                                                  memory_order_relaxed))
            return job;
    }
}

/* A thread works off its own run, which lies in one piece: in a network that is the part of the
 * image it wrote in the layer before, and has in its cache.  Then it takes jobs of the others, one
 * by one: those that never came, or that another process has interrupted. */
static void work_off(const deal *d, int task, int thread)
{
    const csep_task *t = &d->tasks[task];
    int64_t done = 0, job;
    for (int i = 0; i < d->threads; i++)
        while ((job = take_job(d, task, (thread + i) % d->threads)) >= 0) {
            t->run(t->context, job, thread);
            done++;
        }
    task_state *state = &d->states[task];
    if (done && atomic_fetch_sub(&state->left, done) == done &&
        atomic_exchange(&state->phase, ENDED) == AWAITED)
        csep_wake(&state->phase);
}

static void wait_for_end(task_state *state)
{
    uint32_t phase;
    while ((phase = atomic_load(&state->phase)) != ENDED)
        if (csep_spin_while(&state->phase, phase) &&
            (phase == AWAITED || atomic_compare_exchange_strong(&state->phase, &phase, AWAITED)))
            csep_sleep_while(&state->phase, AWAITED);
}

/* Nobody waits for the last task: the team's end does. */
static void work_off_all(const deal *d, int thread)
{
    for (int task = 0; task < d->count; task++) {
        if (task > 0)
            wait_for_end(&d->states[task - 1]);
        work_off(d, task, thread);
    }
}

static void work_in_callers_mode(void *argument, int thread)
{
    const deal *d = argument;
    const uint64_t own = csep_get_float_mode();
    if (own != d->float_mode)
        csep_set_float_mode(d->float_mode);
    work_off_all(d, thread);
    if (own != d->float_mode)
        csep_set_float_mode(own);
}

static void run_alone(const csep_task *tasks, int count)
{
    for (const csep_task *t = tasks; t < tasks + count; t++)
        for (int64_t job = 0; job < t->jobs; job++)
            t->run(t->context, job, 0);
}

void csep_run_tasks(const csep_task *tasks, int count, int threads, void *memory)
{
    if (threads == 1) {
        run_alone(tasks, count);
        return;
    }
    progress *runs = memory;
    deal d = {tasks, count, threads, runs, (task_state *)(runs + threads), csep_get_float_mode()};
    for (int i = 0; i < threads; i++)
        atomic_init(&runs[i].next, 0);
    for (int i = 0; i < count; i++) {
        atomic_init(&d.states[i].left, tasks[i].jobs);
        atomic_init(&d.states[i].phase, tasks[i].jobs ? RUNNING : ENDED);
    }
    csep_run_team(threads, work_in_callers_mode, &d);
}
