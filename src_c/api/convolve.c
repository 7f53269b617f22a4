/* Entry points that convolve.  Each argument is checked here, once: what lies below trusts its
 * caller. */
#include <stddef.h>

#include "api/check.h"
#include "csep.h"
#include "plan/schedule.h"
#include "plan/sizes.h"
#include "run/execute.h"

csep_status csep_resolve(const csep_conv_desc *desc, const csep_input *input,
                         csep_geometry *geometry)
{
    if (!desc || !input || !geometry)
        return CSEP_BAD_ARGUMENT;
    const csep_status status = csep_check_desc(desc);
    return status == CSEP_OK ? csep_resolve_sizes(desc, input, geometry) : status;
}

csep_status csep_output_size(const csep_conv_desc *desc, const csep_input *input, int64_t *out_h,
                             int64_t *out_w)
{
    csep_geometry geometry;
    if (!out_h || !out_w)
        return CSEP_BAD_ARGUMENT;
    const csep_status status = csep_resolve(desc, input, &geometry);
    if (status == CSEP_OK) {
        *out_h = geometry.out_h;
        *out_w = geometry.out_w;
    }
    return status;
}

csep_status csep_same_padding(const csep_conv_desc *desc, csep_input *input)
{
    if (!desc || !input || input->height < 0 || input->width < 0)
        return CSEP_BAD_ARGUMENT;
    const csep_status status = csep_check_desc(desc);
    if (status == CSEP_OK)
        csep_set_same_padding(desc, input);
    return status;
}

static csep_status check_arrays(const csep_geometry *geometry, const void *x, const void *y,
                                int num_threads)
{
    if (!geometry || num_threads < 1)
        return CSEP_BAD_ARGUMENT;
    return geometry->input.batch == 0 || (x && y) ? CSEP_OK : CSEP_BAD_ARGUMENT;
}

csep_status csep_plan_create(csep_plan **plan, const csep_conv_desc *desc,
                             const csep_weights *weights)
{
    if (!plan)
        return CSEP_BAD_ARGUMENT;
    *plan = NULL;
    const csep_status status = csep_check_layer(desc, weights);
    if (status != CSEP_OK)
        return status;
    *plan = csep_build_plan(desc, weights);
    return *plan ? CSEP_OK : CSEP_NO_MEMORY;
}

void csep_plan_destroy(csep_plan *plan) { csep_free_plan(plan); }

int64_t csep_plan_bytes(const csep_plan *plan) { return plan ? plan->bytes : 0; }

csep_status csep_plan_resolve(const csep_plan *plan, const csep_input *input,
                              csep_geometry *geometry)
{
    if (!plan || !input || !geometry)
        return CSEP_BAD_ARGUMENT;
    return csep_resolve_sizes(&plan->desc, input, geometry);
}

csep_status csep_execute_resolved(const csep_plan *plan, const csep_geometry *geometry,
                                  const void *x, const void *residual, void *y, int num_threads)
{
    if (!plan)
        return CSEP_BAD_ARGUMENT;
    const csep_status status = check_arrays(geometry, x, y, num_threads);
    return status == CSEP_OK ? csep_run(plan, geometry, x, residual, y, num_threads) : status;
}

csep_status csep_execute(const csep_plan *plan, const csep_input *input, const void *x,
                         const void *residual, void *y, int num_threads)
{
    csep_geometry geometry;
    const csep_status status = csep_plan_resolve(plan, input, &geometry);
    if (status != CSEP_OK)
        return status;
    return csep_execute_resolved(plan, &geometry, x, residual, y, num_threads);
}

csep_status csep_convolve_resolved(const csep_conv_desc *desc, const csep_geometry *geometry,
                                   const csep_weights *weights, const void *x, const void *residual,
                                   void *y, int num_threads)
{
    if (!desc)
        return CSEP_BAD_ARGUMENT;
    csep_status status = csep_check_weights(desc, weights);
    if (status == CSEP_OK)
        status = check_arrays(geometry, x, y, num_threads);
    if (status != CSEP_OK)
        return status;
    csep_plan temporary;
    if (csep_build_temporary_plan(&temporary, desc, weights))
        return csep_run(&temporary, geometry, x, residual, y, num_threads);
    csep_plan *plan = csep_build_plan(desc, weights);
    if (!plan)
        return CSEP_NO_MEMORY;
    status = csep_run(plan, geometry, x, residual, y, num_threads);
    csep_free_plan(plan);
    return status;
}

csep_status csep_convolve(const csep_conv_desc *desc, const csep_input *input,
                          const csep_weights *weights, const void *x, const void *residual, void *y,
                          int num_threads)
{
    csep_geometry geometry;
    const csep_status status = csep_resolve(desc, input, &geometry);
    if (status != CSEP_OK)
        return status;
    return csep_convolve_resolved(desc, &geometry, weights, x, residual, y, num_threads);
}

int64_t csep_scratch_bytes(const csep_plan *plan, const csep_input *input, int num_threads)
{
    csep_geometry geometry;
    csep_schedule schedule;
    if (csep_plan_resolve(plan, input, &geometry) != CSEP_OK || num_threads < 1)
        return 0;
    csep_make_schedule(plan, &geometry, num_threads, &schedule);
    return schedule.scratch_bytes;
}
