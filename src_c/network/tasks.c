#include "network/tasks.h"

#include <stddef.h>

#include "network/numbers.h"
#include "network/windows.h"

/* A job's part of a result: a few microseconds of work. */
enum { JOB_BYTES = 16384 };

static csep_call call_of_step(const csep_step_context *c)
{
    const csep_prepared_step *step = &c->call->prepared->step[c->index];
    return (csep_call){
        .plan = c->step->plan,
        .geometry = &step->geometry,
        .schedule = &step->schedule,
        .x = csep_source_memory(c, 0),
        .residual = c->step->source_count == 2 ? csep_source_memory(c, 1) : NULL,
        .y = csep_result_memory(c),
        .y_step = csep_result_step(c),
    };
}

/* A chain of the step before, whose context lies before this one's, and this one. */
static csep_task make_chain(csep_step_context *c)
{
    const csep_prepared *p = c->call->prepared;
    c->chain = (csep_chain){
        .first = call_of_step(c - 1),
        .second = call_of_step(c),
        .cut = &p->step[c->index].cut,
        .scratch = c->scratch,
        .scratch_step = p->scratch_bytes,
    };
    return csep_chain_task(&c->chain);
}

static int make_convolution(csep_step_context *c, csep_task *tasks)
{
    const csep_prepared *p = c->call->prepared;
    if (p->places[c->call->network->inputs + c->index].kind == CSEP_NOWHERE)
        return 0;
    if (p->step[c->index].cut.strips) {
        tasks[0] = make_chain(c);
        return 1;
    }
    c->convolution = (csep_convolution){call_of_step(c), NULL, c->scratch, p->scratch_bytes};
    int count = 0;
    if (p->step[c->index].schedule.input_converted) {
        c->convolution.given = c->convolution.call.x;
        c->convolution.call.x = c->call->arena + p->extra_at[c->index];
        tasks[count++] = csep_conversion_task(&c->convolution);
    }
    tasks[count++] = csep_convolution_task(&c->convolution);
    return count;
}

/* Whether all sources of a concatenation were written where they belong. */
static int is_complete(const csep_step_context *c)
{
    int complete = 1;
    for (int i = 0; i < c->step->source_count; i++)
        complete &= c->call->prepared->places[c->step->sources[i]].step != 0;
    return complete;
}

/* What runs a job of a step, and what its jobs share out. */
static csep_job_fn find_job(const csep_step_context *c, int64_t *units)
{
    const csep_shape *x = csep_source_shape(c, 0), *y = csep_result_shape(c);
    const int64_t pixels = csep_pixels(y), rows = y->batch * y->height;
    switch (c->step->kind) {
    case CSEP_STEP_ADD:
    case CSEP_STEP_MULTIPLY: *units = pixels; return csep_run_elementwise;
    case CSEP_STEP_SOFTMAX: *units = pixels; return csep_run_softmax;
    case CSEP_STEP_CONCAT: *units = is_complete(c) ? 0 : pixels; return csep_run_concat;
    case CSEP_STEP_MAX_POOL:
    case CSEP_STEP_AVERAGE_POOL: *units = rows; return csep_run_pool;
    case CSEP_STEP_GLOBAL_MAX:
    case CSEP_STEP_GLOBAL_AVERAGE:
        *units = x->batch * ceil_div(x->channels, CSEP_POOLED_CHANNELS);
        return csep_run_global_pool;
    case CSEP_STEP_NEAREST: *units = rows; return csep_run_nearest;
    case CSEP_STEP_BILINEAR: *units = rows; return csep_run_bilinear;
    case CSEP_STEP_PAD: *units = rows; return csep_run_pad;
    default: /* CSEP_STEP_RESHAPE: nothing where the result has taken the source's memory */
        *units = csep_source_memory(c, 0) == csep_result_memory(c) ? 0 : csep_elements(y);
        return csep_run_copy;
    }
}

int csep_make_tasks(const csep_network_call *call, int index, char *scratch,
                    csep_step_context *context, csep_task *tasks)
{
    csep_step_context *c = context;
    *c = (csep_step_context){
        .call = call, .step = &call->network->step[index], .index = index, .scratch = scratch};
    if (c->step->kind == CSEP_STEP_CONVOLVE)
        return make_convolution(c, tasks);
    const csep_job_fn run = find_job(c, &c->units);
    const csep_shape *x = csep_source_shape(c, 0);
    const int64_t elements = max64(csep_elements(x), csep_elements(csep_result_shape(c)));
    const int64_t bytes = elements * csep_step_kernels(c)->size;
    c->jobs = min64(c->units, ceil_div(bytes, JOB_BYTES));
    if (c->jobs == 0)
        return 0;
    tasks[0] = (csep_task){c->jobs, run, c};
    return 1;
}
