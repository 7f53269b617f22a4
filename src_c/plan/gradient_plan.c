#include "plan/gradient_plan.h"

#include <stdlib.h>
#include <string.h>

#include "plan/arith.h"
#include "plan/pack.h"
#include "plan/sizes.h"

static const csep_activation no_activation = {CSEP_LINEAR, 0};

/* An ordinary convolution, or a depthwise one, of weights that are made here and freed. */
static csep_plan *plan_of(const csep_conv_desc *d, void *numbers)
{
    const csep_weights weights = {.dw = numbers, .w = numbers};
    csep_plan *plan = numbers ? csep_build_plan(d, &weights) : NULL;
    free(numbers);
    return plan;
}

/* The matrix (K, CO) of each group as (CO / groups, groups * K). */
static void *transposed(const csep_plan *forward, const void *matrix)
{
    const int size = forward->kernels->size;
    const int64_t co = forward->desc.out_channels, groups = forward->groups;
    const int64_t depth = forward->depth, columns = forward->group_columns;
    char *to = malloc((size_t)(depth * co * size));
    for (int64_t k = 0; to && k < depth; k++)
        for (int64_t column = 0; column < co; column++) {
            const int64_t group = column / columns;
            memcpy(at_mut(to, (column % columns * groups + group) * depth + k, size),
                   at(matrix, k * co + column, size), (size_t)size);
        }
    return to;
}

static csep_plan *make_back(const csep_plan *forward, const void *matrix)
{
    const csep_conv_desc d = {
        .kind = CSEP_CONV,
        .dtype = forward->desc.dtype,
        .in_channels = forward->desc.out_channels,
        .channel_multiplier = 1,
        .out_channels = forward->groups * forward->depth,
        .groups = forward->groups,
        .kernel_h = 1,
        .kernel_w = 1,
        .stride_h = 1,
        .stride_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
    };
    return plan_of(&d, transposed(forward, matrix));
}

/* The taps in the opposite order; for ordinary convolutions (kh, kw, C / groups, CO) becomes
 * (kh, kw, CO / groups, C). */
static void *turned_weights(const csep_conv_desc *d, const csep_weights *weights, int size)
{
    const int64_t taps = d->kernel_h * d->kernel_w, groups = csep_groups(d);
    const int64_t c = d->in_channels / groups, co = d->out_channels / groups;
    const int64_t each =
        d->kind != CSEP_CONV ? (d->shared_kernel ? 1 : d->in_channels) : groups * c * co;
    char *to = malloc((size_t)(taps * each * size));
    for (int64_t tap = 0; to && tap < taps; tap++) {
        const int64_t from = (taps - 1 - tap) * each;
        if (d->kind != CSEP_CONV) {
            memcpy(at_mut(to, tap * each, size), at(weights->dw, from, size),
                   (size_t)(each * size));
            continue;
        }
        for (int64_t q = 0; q < c; q++)
            for (int64_t column = 0; column < groups * co; column++) {
                const int64_t group = column / co;
                memcpy(at_mut(to, tap * each + (column % co * groups + group) * c + q, size),
                       at(weights->w, from + q * groups * co + column, size), (size_t)size);
            }
    }
    return to;
}

/* Whether the gradient of x is a convolution: of each input channel there is one output channel, or
 * all are summed up. */
static int can_be_turned(const csep_conv_desc *d)
{
    return d->stride_h == 1 && d->stride_w == 1 &&
           (d->kind == CSEP_CONV || d->channel_multiplier == 1);
}

static csep_plan *make_turned(const csep_conv_desc *forward, const csep_weights *weights, int size)
{
    csep_conv_desc d = *forward;
    d.activation = d.depthwise_activation = no_activation;
    if (d.kind != CSEP_CONV) {
        d.kind = CSEP_DEPTHWISE;
        d.out_channels = d.in_channels;
    } else {
        d.in_channels = forward->out_channels;
        d.out_channels = forward->in_channels;
    }
    return plan_of(&d, turned_weights(forward, weights, size));
}

/* The depthwise weights, those of a shared kernel for each channel. */
static void *spread_taps(const csep_plan *p, const void *dw)
{
    const int size = p->kernels->size;
    const int64_t taps = p->desc.kernel_h * p->desc.kernel_w;
    const int64_t own = p->desc.shared_kernel ? p->desc.channel_multiplier : p->depth;
    char *to = malloc((size_t)(taps * p->depth * size));
    for (int64_t i = 0; to && i < taps * (p->depth / own); i++)
        memcpy(at_mut(to, i * own, size), at(dw, i / (p->depth / own) * own, size),
               (size_t)(own * size));
    return to;
}

int csep_build_gradient_plan(csep_gradient_plan *p, const csep_conv_desc *d,
                             const csep_weights *weights, const csep_gradients *gradients)
{
    const int stage = gradients->x || gradients->dw || gradients->dw_bias;
    *p = (csep_gradient_plan){.forward = csep_build_plan(d, weights)};
    if (!p->forward)
        return 0;
    p->sums = *p->forward;
    p->sums.desc.activation = no_activation;
    p->linear = p->sums;
    p->linear.desc.depthwise_activation = no_activation;
    int ok = 1;
    if (gradients->x && d->kind != CSEP_CONV)
        ok = (p->taps = spread_taps(p->forward, weights->dw)) != NULL;
    if (ok && gradients->x && can_be_turned(d))
        ok = (p->turned = make_turned(d, weights, p->forward->kernels->size)) != NULL;
    if (ok && stage && d->kind != CSEP_DEPTHWISE)
        ok = (p->back = make_back(p->forward, csep_matrix_of(d, weights))) != NULL;
    if (!ok)
        csep_free_gradient_plan(p);
    return ok;
}

void csep_free_gradient_plan(csep_gradient_plan *p)
{
    csep_free_plan(p->forward);
    csep_free_plan(p->back);
    csep_free_plan(p->turned);
    free(p->taps);
    *p = (csep_gradient_plan){0};
}
