/* Entry points of the backward pass.  Each argument is checked here, once: what lies below trusts
 * its caller. */
#include <stddef.h>
#include <stdlib.h>

#include "api/check.h"
#include "csep.h"
#include "plan/gradient_plan.h"
#include "plan/sizes.h"
#include "run/differentiate.h"

/* Whether only those gradients are asked for that there are. */
static int has_gradients(const csep_conv_desc *d, const csep_gradients *g, const void *residual)
{
    const int conv = d->kind == CSEP_CONV, separable = d->kind == CSEP_SEPARABLE;
    return g && (!g->residual || residual) && !(conv ? g->dw : g->w) &&
           (separable || (!g->pw && !g->dw_bias));
}

static csep_status check_arrays(const csep_conv_desc *d, const csep_geometry *geometry,
                                const void *x, const void *residual, const void *dy,
                                const csep_gradients *gradients, int num_threads)
{
    if (!has_gradients(d, gradients, residual) || csep_is_converted(d, geometry) ||
        num_threads < 1 || (geometry->input.batch && (!x || !dy)))
        return CSEP_BAD_ARGUMENT;
    return CSEP_OK;
}

csep_status csep_backward(const csep_conv_desc *desc, const csep_input *input,
                          const csep_weights *weights, const void *x, const void *residual,
                          const void *dy, const csep_gradients *gradients, int num_threads)
{
    csep_geometry geometry;
    csep_gradient_plan plan;
    csep_status status = csep_resolve(desc, input, &geometry);
    if (status == CSEP_OK)
        status = csep_check_weights(desc, weights);
    if (status == CSEP_OK)
        status = check_arrays(desc, &geometry, x, residual, dy, gradients, num_threads);
    if (status != CSEP_OK)
        return status;
    const csep_gradients *g = gradients;
    const int needs =
        (g->x ? CSEP_NEEDS_PHASES : 0) | (g->x || g->dw || g->dw_bias ? CSEP_NEEDS_BACK : 0);
    if (!csep_build_gradient_plan(&plan, desc, weights, needs))
        return CSEP_NO_MEMORY;
    status = csep_run_backward(&plan, &geometry, x, residual, dy, gradients, num_threads);
    csep_free_gradient_plan(&plan);
    return status;
}

csep_status csep_gradient_plan_create(csep_gradient_plan **plan, const csep_conv_desc *desc,
                                      const csep_weights *weights)
{
    if (!plan)
        return CSEP_BAD_ARGUMENT;
    *plan = NULL;
    const csep_status status = csep_check_layer(desc, weights);
    if (status != CSEP_OK)
        return status;
    csep_gradient_plan *made = malloc(sizeof *made);
    if (!made)
        return CSEP_NO_MEMORY;
    if (!csep_build_gradient_plan(made, desc, weights, CSEP_NEEDS_PHASES | CSEP_NEEDS_BACK)) {
        free(made);
        return CSEP_NO_MEMORY;
    }
    *plan = made;
    return CSEP_OK;
}

csep_status csep_execute_backward(const csep_gradient_plan *plan, const csep_input *input,
                                  const void *x, const void *residual, const void *dy,
                                  const csep_gradients *gradients, int num_threads)
{
    csep_geometry geometry;
    if (!plan || !input)
        return CSEP_BAD_ARGUMENT;
    const csep_conv_desc *d = &plan->forward->desc;
    csep_status status = csep_resolve_sizes(d, input, &geometry);
    if (status == CSEP_OK)
        status = check_arrays(d, &geometry, x, residual, dy, gradients, num_threads);
    if (status != CSEP_OK)
        return status;
    return csep_run_backward(plan, &geometry, x, residual, dy, gradients, num_threads);
}

void csep_gradient_plan_destroy(csep_gradient_plan *plan)
{
    if (!plan)
        return;
    csep_free_gradient_plan(plan);
    free(plan);
}
