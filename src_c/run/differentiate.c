#include "run/differentiate.h"

#include <string.h>

#include "plan/arith.h"
#include "plan/schedule.h"
#include "plan/sizes.h"
#include "run/backward.h"
#include "system/scratch.h"
#include "system/thread_budget.h"
#include "system/thread_team.h"

/* Memory that is kept for the thread's next backward pass: fresh pages took 6 % of one of 14x14
 * pixels and 512 channels. */
enum { MOST_KEPT = 32 << 20 };

/* Multiply-adds of the pass: about three times those of the forward pass. */
static double work_of(const csep_backward_pass *b)
{
    csep_schedule forward;
    csep_make_schedule(b->plan->forward, b->geometry, 1, &forward);
    return 3 * forward.work;
}

static csep_status run(csep_backward_pass *b, int threads)
{
    csep_task tasks[CSEP_BACKWARD_TASKS];
    const int count = csep_backward_tasks(b, tasks);
    const int64_t scratch_at = round_up(b->sums_bytes, CSEP_TASK_ALIGNMENT);
    const int64_t tasks_at = scratch_at + b->scratch_step * threads;
    const int64_t bytes = tasks_at + csep_task_bytes(count, threads);
    char *memory = csep_scratch(CSEP_SCRATCH_TILES, bytes);
    if (!memory)
        return CSEP_NO_MEMORY;
    b->sums = memory;
    b->scratch = memory + scratch_at;
    csep_run_tasks(tasks, count, threads, memory + tasks_at);
    if (bytes > MOST_KEPT)
        csep_scratch_free(CSEP_SCRATCH_TILES);
    return CSEP_OK;
}

static void set_to_zero(void *array, int64_t count, int size)
{
    if (array)
        memset(array, 0, (size_t)(count * size));
}

/* Sums over no images. */
static void clear_gradients(const csep_plan *p, const csep_gradients *g)
{
    const csep_conv_desc *d = &p->desc;
    const int size = p->kernels->size;
    const int64_t own = d->shared_kernel ? d->channel_multiplier : p->depth;
    set_to_zero(g->dw, d->kernel_h * d->kernel_w * own, size);
    set_to_zero(g->dw_bias, p->depth, size);
    set_to_zero(g->pw, p->depth * d->out_channels, size);
    set_to_zero(g->w, p->depth * d->out_channels, size);
    set_to_zero(g->bias, d->out_channels, size);
}

csep_status csep_run_backward(const csep_gradient_plan *plan, const csep_geometry *geometry,
                              const void *x, const void *residual, const void *dy,
                              const csep_gradients *gradients, int num_threads)
{
    const csep_plan *p = plan->forward;
    if (geometry->input.batch == 0) {
        clear_gradients(p, gradients);
        return CSEP_OK;
    }
    /* What lies between the stages, or is gathered for the product, is never whole; that it could
     * be addressed keeps everything below from overflowing. */
    const int64_t between[] = {geometry->out_h, geometry->out_w,
                               max64(p->depth * p->groups, p->desc.out_channels)};
    if (!csep_fits_memory(between, 3))
        return CSEP_NO_MEMORY;
    csep_backward_pass b = {.plan = plan,
                            .geometry = geometry,
                            .x = x,
                            .residual = residual,
                            .dy = dy,
                            .gradients = *gradients};
    csep_prepare_backward(&b);
    const int most = (int)min64(num_threads, csep_backward_jobs(&b));
    const int worth = csep_calls_follow() ? most : csep_threads_worth_waking(work_of(&b), most);
    const int threads = csep_budget_take(worth, num_threads);
    const csep_status status = run(&b, threads);
    csep_budget_return(threads);
    if (most > 1)
        csep_note_call();
    return status;
}
