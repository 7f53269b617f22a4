/* Entry point of the backward pass.  Each argument is checked here, once: what lies below trusts
 * its caller. */
#include <stddef.h>

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

csep_status csep_backward(const csep_conv_desc *desc, const csep_input *input,
                          const csep_weights *weights, const void *x, const void *residual,
                          const void *dy, const csep_gradients *gradients, int num_threads)
{
    csep_geometry geometry;
    csep_gradient_plan plan;
    csep_status status = csep_resolve(desc, input, &geometry);
    if (status != CSEP_OK)
        return status;
    status = csep_check_weights(desc, weights);
    if (status != CSEP_OK)
        return status;
    if (!has_gradients(desc, gradients, residual) || csep_is_converted(desc, &geometry) ||
        num_threads < 1 || (geometry.input.batch && (!x || !dy)))
        return CSEP_BAD_ARGUMENT;
    if (!csep_build_gradient_plan(&plan, desc, weights, gradients))
        return CSEP_NO_MEMORY;
    status = csep_run_backward(&plan, &geometry, x, residual, dy, gradients, num_threads);
    csep_free_gradient_plan(&plan);
    return status;
}
