#include "run/execute.h"

#include <stdlib.h>

#include "plan/schedule_cache.h"
#include "run/staging.h"
#include "run/threads.h"
#include "run/tile.h"
#include "system/scratch.h"
#include "system/thread_budget.h"
#include "system/thread_team.h"

/* What the jobs of a call share. */
typedef struct job_context {
    csep_call call;
    char *scratch; /* of thread 0, then 1, ... */
} job_context;

static void run_one(void *argument, int64_t job, int thread)
{
    const job_context *context = argument;
    const int64_t offset = thread * context->call.schedule->scratch_bytes;
    csep_run_job(&context->call, job, context->scratch + offset);
}

/* The input as a whole converted beforehand, where the schedule says so; to be freed. */
static csep_status convert_beforehand(csep_call *call, void **converted)
{
    const csep_input *in = &call->geometry->input;
    const int64_t pixels = in->batch * in->height * in->width;
    const int64_t elements = pixels * call->plan->desc.in_channels;
    *converted = malloc((size_t)(elements * call->plan->kernels->size));
    if (!*converted)
        return CSEP_NO_MEMORY;
    csep_convert_input(call, *converted);
    call->x = *converted;
    return CSEP_OK;
}

static csep_status run_schedule(csep_call *call)
{
    const csep_schedule *s = call->schedule;
    const int64_t tile_bytes = s->scratch_bytes * s->threads;
    char *memory = csep_scratch(CSEP_SCRATCH_TILES, tile_bytes + csep_deal_bytes(s->threads));
    if (!memory)
        return CSEP_NO_MEMORY;
    void *converted = NULL;
    const csep_status status = s->input_converted ? convert_beforehand(call, &converted) : CSEP_OK;
    if (status == CSEP_OK) {
        job_context context = {*call, memory};
        csep_deal_jobs(csep_jobs(s), s->threads, run_one, &context, memory + tile_bytes);
    }
    free(converted);
    if (s->scratch_bytes > CSEP_MAX_SCRATCH_BYTES)
        csep_scratch_free(CSEP_SCRATCH_TILES);
    return status;
}

csep_status csep_run(const csep_plan *plan, const csep_geometry *geometry, const void *x,
                     const void *residual, void *y, int num_threads)
{
    if (geometry->input.batch == 0)
        return CSEP_OK;
    csep_schedule s;
    csep_find_schedule(plan, geometry, num_threads, &s);
    const int could_share = s.threads > 1;
    const int awake = s.worth_waking == s.threads || csep_calls_follow();
    const int threads = csep_budget_take(awake ? s.threads : s.worth_waking, num_threads);
    if (threads < s.threads)
        csep_find_schedule(plan, geometry, threads, &s);
    csep_call call = {plan, geometry, &s, x, residual, y};
    const csep_status status = run_schedule(&call);
    csep_budget_return(threads);
    if (could_share)
        csep_note_call();
    return status;
}
