#include "network/prepared.h"

#include <stdlib.h>

#include "network/shapes.h"
#include "plan/arith.h"
#include "plan/plan.h"
#include "run/convolution.h"

/* Larger values are refused: sums of their sizes could overflow. */
#define MOST_BYTES (INT64_C(1) << 46)

static int allocate(csep_prepared *p, const csep_network *n)
{
    const size_t values = (size_t)csep_value_count(n), steps = (size_t)n->steps;
    p->values = calloc(values, sizeof *p->values);
    p->places = calloc(values, sizeof *p->places);
    p->extra_at = calloc(steps + 1, sizeof *p->extra_at);
    p->step = calloc(steps + 1, sizeof *p->step);
    return p->values && p->places && p->extra_at && p->step;
}

/* The schedule of a convolution; returns its multiply-adds. */
static double schedule_convolution(csep_prepared *p, const csep_plan *plan, int step,
                                   int num_threads, int64_t *extra)
{
    csep_prepared_step *s = &p->step[step];
    csep_make_schedule(plan, &s->geometry, num_threads, &s->schedule);
    if (s->schedule.input_converted)
        extra[step] = csep_converted_bytes(plan, &s->geometry);
    p->threads = (int)max64(p->threads, s->schedule.threads);
    return s->schedule.work;
}

static void schedule_steps(csep_prepared *p, const csep_network *n, int num_threads, int64_t *extra)
{
    double work = 0;
    int64_t scratch = 0;
    p->threads = p->worth_waking = 1;
    for (int i = 0; i < n->steps; i++) {
        const csep_step *s = &n->step[i];
        if (s->kind == CSEP_STEP_CONVOLVE) {
            work += schedule_convolution(p, s->plan, i, num_threads, extra);
            scratch = max64(scratch, p->step[i].schedule.scratch_bytes);
        } else if (s->kind == CSEP_STEP_BILINEAR) {
            const csep_shape *x = &p->values[s->sources[0]];
            scratch = max64(scratch, csep_row_elements(x) * n->kernels->size);
        }
    }
    p->scratch_bytes = round_up(scratch, CSEP_TASK_ALIGNMENT);
    p->worth_waking = (int)min64(csep_threads_worth_waking(work, num_threads), p->threads);
}

static csep_call call_of(const csep_prepared *p, const csep_network *n, int step)
{
    const csep_prepared_step *s = &p->step[step];
    return (csep_call){
        .plan = n->step[step].plan, .geometry = &s->geometry, .schedule = &s->schedule};
}

/* Whether a step may be computed with the one before: a convolution of what another has made for it
 * alone. */
static int follows(const csep_network *n, int step, const int *uses)
{
    const csep_step *first = &n->step[step - 1], *second = &n->step[step];
    const int between = n->inputs + step - 1;
    return first->kind == CSEP_STEP_CONVOLVE && second->kind == CSEP_STEP_CONVOLVE &&
           second->sources[0] == between && uses[between] == 1;
}

/* Keeps those cuts that spare memory the most bytes, no two of neighbouring steps: they would share
 * a convolution.  spared[i + 1]: by the steps up to i. */
static void choose_chains(csep_prepared *p, const csep_network *n, int64_t *spared)
{
    const csep_shape *between = p->values + n->inputs - 1; /* of a step: what the one before made */
    for (int i = 1; i < n->steps; i++) {
        const int64_t own = p->step[i].cut.strips ? csep_elements(&between[i]) : 0;
        spared[i + 1] = max64(spared[i], spared[i - 1] + own);
    }
    for (int i = n->steps - 1; i > 0; i--) {
        if (spared[i + 1] == spared[i]) {
            p->step[i].cut.strips = 0;
            continue;
        }
        p->places[n->inputs + i - 1].kind = CSEP_NOWHERE;
        const int64_t bytes = p->step[i].cut.scratch_bytes;
        p->scratch_bytes = max64(p->scratch_bytes, round_up(bytes, CSEP_TASK_ALIGNMENT));
        p->step[--i].cut.strips = 0;
    }
}

/* Finds pairs of convolutions to be computed together; whether there was memory for it. */
static int chain_steps(csep_prepared *p, const csep_network *n, const int *uses, int num_threads)
{
    int64_t *spared = calloc((size_t)n->steps + 1, sizeof *spared);
    const int ok = spared != NULL;
    for (int i = 1; ok && i < n->steps; i++) {
        if (follows(n, i, uses)) {
            const csep_call first = call_of(p, n, i - 1), second = call_of(p, n, i);
            p->step[i].cut = csep_cut_chain(&first, &second, num_threads);
        }
    }
    if (ok)
        choose_chains(p, n, spared);
    free(spared);
    return ok;
}

static csep_status prepare(csep_prepared *p, const csep_network *n, const csep_shape *inputs,
                           int num_threads, int64_t *extra, csep_geometry *geometries)
{
    int bad_step;
    const csep_status status = csep_infer_shapes(n, inputs, p->values, geometries, &bad_step);
    if (status != CSEP_OK)
        return status;
    for (int i = 0; i < csep_value_count(n); i++)
        if (csep_elements(&p->values[i]) > MOST_BYTES / n->kernels->size)
            return CSEP_NO_MEMORY;
    for (int i = 0; i < n->steps; i++)
        p->step[i].geometry = geometries[i];
    schedule_steps(p, n, num_threads, extra);
    for (int i = 0; i < n->steps; i++)
        if (extra[i] > MOST_BYTES)
            return CSEP_NO_MEMORY;
    int *uses = csep_count_uses(n);
    const int ok =
        uses && chain_steps(p, n, uses, num_threads) &&
        csep_place_values(n, p->values, uses, extra, p->places, p->extra_at, &p->arena_bytes);
    free(uses);
    return ok ? CSEP_OK : CSEP_NO_MEMORY;
}

csep_prepared *csep_prepare(const csep_network *n, const csep_shape *inputs, int num_threads,
                            csep_status *status)
{
    csep_prepared *p = calloc(1, sizeof *p);
    int64_t *extra = calloc((size_t)n->steps + 1, sizeof *extra);
    csep_geometry *geometries = calloc((size_t)n->steps + 1, sizeof *geometries);
    *status = CSEP_NO_MEMORY;
    if (p)
        atomic_init(&p->users, 1);
    if (p && extra && geometries && allocate(p, n)) {
        p->num_threads = num_threads;
        *status = prepare(p, n, inputs, num_threads, extra, geometries);
    }
    free(extra);
    free(geometries);
    if (*status == CSEP_OK)
        return p;
    csep_leave_prepared(p);
    return NULL;
}

void csep_leave_prepared(csep_prepared *p)
{
    if (!p || atomic_fetch_sub(&p->users, 1) > 1)
        return;
    free(p->values);
    free(p->places);
    free(p->extra_at);
    free(p->step);
    free(p);
}
