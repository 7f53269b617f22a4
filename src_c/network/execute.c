#include "network/execute.h"

#include <stddef.h>

#include "network/prepared_cache.h"
#include "network/tasks.h"
#include "system/scratch.h"
#include "system/thread_budget.h"
#include "system/thread_team.h"

static csep_status run_prepared(const csep_network *n, const csep_prepared *p, const void *const *x,
                                void *const *y, int threads)
{
    const int most = n->steps * CSEP_TASKS_OF_STEP;
    const int64_t tile_bytes = p->scratch_bytes * threads;
    const int64_t contexts_at =
        tile_bytes + round_up(csep_task_bytes(most, threads), CSEP_TASK_ALIGNMENT);
    const int64_t tasks_at = contexts_at + n->steps * (int64_t)sizeof(csep_step_context);
    char *memory = csep_scratch(CSEP_SCRATCH_TILES, tasks_at + most * (int64_t)sizeof(csep_task));
    char *arena = csep_scratch(CSEP_SCRATCH_ARENA, p->arena_bytes);
    if (!memory || (!arena && p->arena_bytes))
        return CSEP_NO_MEMORY;
    const csep_network_call call = {n, p, x, y, arena};
    csep_step_context *contexts = (csep_step_context *)(memory + contexts_at);
    csep_task *tasks = (csep_task *)(memory + tasks_at);
    int count = 0;
    for (int i = 0; i < n->steps; i++)
        count += csep_make_tasks(&call, i, memory, &contexts[i], tasks + count);
    csep_run_tasks(tasks, count, threads, memory + tile_bytes);
    return CSEP_OK;
}

csep_status csep_run_network(const csep_network *n, const csep_shape *inputs, const void *const *x,
                             void *const *y, int num_threads)
{
    csep_status status;
    csep_prepared *p = csep_find_prepared(n, inputs, num_threads, &status);
    if (!p)
        return status;
    const int awake = p->worth_waking == p->threads || csep_calls_follow();
    const int threads = csep_budget_take(awake ? p->threads : p->worth_waking, num_threads);
    status = inputs[0].batch == 0 ? CSEP_OK : run_prepared(n, p, x, y, threads);
    csep_budget_return(threads);
    if (p->threads > 1)
        csep_note_call();
    csep_leave_prepared(p);
    return status;
}
