#include "run/execute.h"

#include <stdlib.h>

#include "plan/schedule_cache.h"
#include "run/convolution.h"
#include "system/scratch.h"
#include "system/thread_budget.h"
#include "system/thread_team.h"

static csep_status run_schedule(const csep_call *call)
{
    const csep_schedule *s = call->schedule;
    const int64_t tile_bytes = s->scratch_bytes * s->threads;
    csep_convolution convolution = {*call, call->x, NULL, s->scratch_bytes};
    csep_task tasks[2];
    int count = 0;
    void *converted = NULL;
    char *memory = csep_scratch(CSEP_SCRATCH_TILES, tile_bytes + csep_task_bytes(2, s->threads));
    if (!memory)
        return CSEP_NO_MEMORY;
    if (s->input_converted) {
        converted = malloc((size_t)csep_converted_bytes(call->plan, call->geometry));
        if (!converted)
            return CSEP_NO_MEMORY;
        convolution.call.x = converted;
        tasks[count++] = csep_conversion_task(&convolution);
    }
    convolution.scratch = memory;
    tasks[count++] = csep_convolution_task(&convolution);
    csep_run_tasks(tasks, count, s->threads, memory + tile_bytes);
    free(converted);
    if (s->scratch_bytes > CSEP_MAX_SCRATCH_BYTES)
        csep_scratch_free(CSEP_SCRATCH_TILES);
    return CSEP_OK;
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
    csep_call call = {
        .plan = plan, .geometry = geometry, .schedule = &s, .x = x, .residual = residual, .y = y};
    const csep_status status = run_schedule(&call);
    csep_budget_return(threads);
    if (could_share)
        csep_note_call();
    return status;
}
