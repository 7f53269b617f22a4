#include "run/convolution.h"

#include "run/staging.h"
#include "run/tile.h"

static void run_tile(void *argument, int64_t job, int thread)
{
    const csep_convolution *c = argument;
    csep_run_job(&c->call, job, c->scratch + thread * c->scratch_step);
}

csep_task csep_convolution_task(csep_convolution *c)
{
    return (csep_task){csep_jobs(c->call.schedule), run_tile, c};
}

static void convert(void *argument, int64_t job, int thread)
{
    (void)job, (void)thread;
    const csep_convolution *c = argument;
    csep_call call = c->call;
    call.x = c->given;
    csep_convert_input(&call, (void *)c->call.x);
}

csep_task csep_conversion_task(csep_convolution *c) { return (csep_task){1, convert, c}; }

int64_t csep_converted_bytes(const csep_plan *plan, const csep_geometry *geometry)
{
    const csep_input *in = &geometry->input;
    return in->batch * in->height * in->width * plan->desc.in_channels * plan->kernels->size;
}
