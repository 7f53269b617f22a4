/* Entry point of the backward pass.  Each argument is checked here, once: what lies below trusts
 * its caller. */
#include <stddef.h>
#include <string.h>

#include "csep.h"
#include "plan/gradient_plan.h"
#include "plan/sizes.h"
#include "run/differentiate.h"

static int has_weights(const csep_conv_desc *d, const csep_weights *w)
{
    const int conv = d->kind == CSEP_CONV, separable = d->kind == CSEP_SEPARABLE;
    return w && (conv ? w->w != NULL : w->dw != NULL) && (!separable || w->pw) &&
           (d->activation.kind != CSEP_PRELU || w->slopes) &&
           (!separable || d->depthwise_activation.kind != CSEP_PRELU || w->dw_slopes);
}

/* Whether only those gradients are asked for that there are. */
static int has_gradients(const csep_conv_desc *d, const csep_gradients *g, const void *residual)
{
    const int conv = d->kind == CSEP_CONV, separable = d->kind == CSEP_SEPARABLE;
    return g && (!g->residual || residual) && !(conv ? g->dw : g->w) &&
           (separable || (!g->pw && !g->dw_bias));
}

/* Of no images nothing is the sum. */
static void clear_sums(const csep_conv_desc *d, const csep_gradients *g)
{
    const size_t size = d->dtype == CSEP_F64 ? sizeof(double) : sizeof(float);
    const size_t depth = (size_t)csep_depth(d), co = (size_t)d->out_channels;
    const size_t own = d->shared_kernel ? (size_t)d->channel_multiplier : depth;
    if (g->dw)
        memset(g->dw, 0, (size_t)(d->kernel_h * d->kernel_w) * own * size);
    if (g->dw_bias)
        memset(g->dw_bias, 0, depth * size);
    if (g->pw)
        memset(g->pw, 0, depth * co * size);
    if (g->w)
        memset(g->w, 0, depth * co * size);
    if (g->bias)
        memset(g->bias, 0, co * size);
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
    if (!has_weights(desc, weights) || !has_gradients(desc, gradients, residual) ||
        csep_is_converted(desc, &geometry) || num_threads < 1)
        return CSEP_BAD_ARGUMENT;
    if (geometry.input.batch == 0) {
        clear_sums(desc, gradients);
        return CSEP_OK;
    }
    if (!x || !dy)
        return CSEP_BAD_ARGUMENT;
    status = csep_init();
    if (status != CSEP_OK)
        return status;
    if (!csep_build_gradient_plan(&plan, desc, weights))
        return CSEP_NO_MEMORY;
    status = csep_run_backward(&plan, &geometry, x, residual, dy, gradients, num_threads);
    csep_free_gradient_plan(&plan);
    return status;
}
