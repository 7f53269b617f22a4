/* The loop over tiles; the only file that knows OpenMP. */
#ifdef _OPENMP
#include <omp.h>
#endif

#include <stdatomic.h>
#include <stdlib.h>

#include "arith.h"
#include "crew.h"
#include "happens.h"
#include "plan.h"
#include "scratch.h"
#include "survivor.h"

int csep_has_openmp(void)
{
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}

#ifdef _OPENMP
/* Threads that OpenMP gives to a thread that has not said otherwise. */
static int usual_threads;

void csep_note_threads(void)
{
    const char *told = getenv("OMP_NUM_THREADS");
    const long number = told ? strtol(told, NULL, 10) : 0;
    usual_threads = number >= 1 && number < CSEP_MAX_THREADS ? (int)number : omp_get_num_procs();
}

int csep_thread_limit(void)
{
    const int now = omp_get_max_threads();
    return csep_init() == CSEP_OK && now < usual_threads ? now : CSEP_MAX_THREADS;
}
#else
void csep_note_threads(void) {}

int csep_thread_limit(void) { return CSEP_MAX_THREADS; }
#endif

/* One call, as its threads see it. */
typedef struct work {
    const csep_plan *plan;
    const csep_shape *shape;
    const csep_schedule *schedule;
    const void *x, *residual;
    void *y;
    char *scratch;
    int64_t jobs;
    csep_crew crew;  /* no fewer than the schedule has threads */
    struct run *run; /* one for each thread */
} work;

/* The jobs are dealt in runs; where each has got to, on a cache line of its own. */
typedef struct run {
    _Alignas(64) atomic_llong next;
} run;

/* A thread works off its own run, which lies in one piece: in a network that is the part of the
 * image it wrote in the layer before, and has in its cache.  Then it helps the others. */
static void work_off(work *w, int thread)
{
    const int threads = w->schedule->threads;
    if (thread >= threads)
        return;
    /* There may be none, and to nothing nothing may be added. */
    char *const scratch = w->scratch ? w->scratch + thread * w->schedule->scratch_bytes : NULL;
    for (int i = 0; i < threads; i++) {
        const int run = (thread + i) % threads;
        const int64_t end = share(w->jobs, run + 1, threads);
        int64_t job;
        while ((job = atomic_fetch_add_explicit(&w->run[run].next, 1, memory_order_relaxed)) < end)
            csep_run_job(w->plan, w->shape, w->schedule, w->x, w->residual, w->y, job, scratch);
    }
}

#ifdef _OPENMP
/* OpenMP's threads do not survive a fork, but libgomp does not know: in the child, the next region
 * of the thread that forked would wait for them for ever.  Every other thread gets a team of its
 * own.  So the survivor has its regions run by a helper that was made after the fork. */
static void region(void *argument)
{
    work *w = argument;
    happens_before(w);
#pragma omp parallel num_threads(w->crew.team)
    {
        happens_after(w);
        work_off(w, omp_get_thread_num());
        happens_before(&w->run);
    }
    happens_after(&w->run);
}

/* Whether it ran: a survivor's helper may be one more thread than can be made. */
static int run_region(work *w)
{
    if (csep_is_survivor()) {
        if (!csep_run_by_helper(region, w))
            return 0;
    } else {
        region(w);
    }
    csep_crew_made(w->crew);
    return 1;
}
#else
static int run_region(work *w)
{
    (void)w;
    return 0;
}
#endif

static void run_all(work *w)
{
    run runs[CSEP_MAX_THREADS];
    const int threads = w->schedule->threads;
    for (int i = 0; i < threads; i++)
        atomic_init(&runs[i].next, share(w->jobs, i, threads));
    w->run = runs;
    if (threads == 1 || !run_region(w))
        work_off(w, 0);
}

/* The input as a whole converted beforehand, where the schedule says so. */
static csep_status make_input_ready(work *w, void **ready)
{
    const csep_shape *shape = w->shape;
    const int64_t pixels = shape->batch * shape->height * shape->width;
    *ready = malloc((size_t)(pixels * w->plan->desc.in_channels * w->plan->kernels->size));
    if (!*ready)
        return CSEP_NO_MEMORY;
    csep_convert_input(w->plan, shape, w->x, *ready);
    w->x = *ready;
    return CSEP_OK;
}

static csep_status run_schedule(work *w)
{
    const csep_schedule *s = w->schedule;
    w->scratch = csep_scratch(CSEP_FOR_TILES, s->scratch_bytes * s->threads);
    if (!w->scratch && s->scratch_bytes)
        return CSEP_NO_MEMORY;
    void *ready = NULL;
    const csep_status status = s->input_ready ? make_input_ready(w, &ready) : CSEP_OK;
    if (status == CSEP_OK)
        run_all(w);
    free(ready);
    if (s->scratch_bytes > CSEP_MAX_SCRATCH_BYTES)
        csep_scratch_free(CSEP_FOR_TILES);
    return status;
}

csep_status csep_execute(const csep_plan *plan, const csep_shape *shape, const void *x,
                         const void *residual, void *y, int num_threads)
{
    csep_schedule s;
    const csep_status status = csep_make_schedule(plan, shape, num_threads, &s);
    if (status != CSEP_OK)
        return status;
    if (s.rows == 0)
        return CSEP_OK;
    if (!x || !y)
        return CSEP_BAD_ARGUMENT;

    const csep_crew crew = csep_crew_join(s.threads, num_threads);
    if (crew.threads < s.threads)
        (void)csep_make_schedule(plan, shape, crew.threads, &s);
    work w = {.plan = plan,
              .shape = shape,
              .schedule = &s,
              .x = x,
              .residual = residual,
              .y = y,
              .jobs = csep_jobs(&s),
              .crew = crew};
    const csep_status done = run_schedule(&w);
    csep_crew_leave(crew);
    return done;
}

csep_status csep_convolve(const csep_conv_desc *desc, const csep_shape *shape,
                          const csep_weights *weights, const void *x, const void *residual, void *y,
                          int num_threads)
{
    csep_plan passing;
    csep_status status = csep_make_passing_plan(&passing, desc, weights);
    if (status == CSEP_OK)
        return csep_execute(&passing, shape, x, residual, y, num_threads);
    if (status != CSEP_NO_MEMORY)
        return status;
    csep_plan *plan;
    status = csep_plan_create(&plan, desc, weights);
    if (status != CSEP_OK)
        return status;
    status = csep_execute(plan, shape, x, residual, y, num_threads);
    csep_plan_destroy(plan);
    return status;
}
