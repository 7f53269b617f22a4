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
    csep_plan *plan = numbers ? csep_build_part(d, &weights, 1) : NULL;
    free(numbers);
    return plan;
}

static csep_conv_desc desc_of(csep_kind kind, csep_dtype dtype, int64_t channels, int64_t columns)
{
    return (csep_conv_desc){
        .kind = kind,
        .dtype = dtype,
        .in_channels = channels,
        .channel_multiplier = 1,
        .out_channels = columns,
        .groups = 1,
        .kernel_h = 1,
        .kernel_w = 1,
        .stride_h = 1,
        .stride_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
    };
}

/* to[column][row] = from[row][column]; steps are between rows of each. */
static void transpose(const csep_kernels *kernels, const void *from, int64_t rows, int64_t columns,
                      int64_t from_step, void *to, int64_t to_step)
{
    const csep_convert_job job = {
        .dtype = kernels->size == sizeof(double) ? CSEP_F64 : CSEP_F32,
        .pixels = columns,
        .channels = rows,
        .pixel_step = 1,
        .channel_step = from_step,
        .inside_step = to_step,
    };
    kernels->load_staged(&job, from, to);
}

static csep_plan *make_back(const csep_plan *forward, const void *matrix)
{
    const int64_t depth = forward->depth, co = forward->desc.out_channels;
    const csep_conv_desc d = desc_of(CSEP_CONV, forward->desc.dtype, co, depth);
    void *transposed = malloc((size_t)(depth * co * forward->kernels->size));
    if (transposed)
        transpose(forward->kernels, matrix, depth, co, co, transposed, depth);
    return plan_of(&d, transposed);
}

/* Taps of one class are so many kernel taps apart: between two of them the stride fits in. */
static int64_t phase_step(int64_t stride, int64_t dilation)
{
    return stride / greatest_common_divisor(stride, dilation);
}

static int64_t phases_of_side(int64_t kernel, int64_t stride, int64_t dilation)
{
    return min64(phase_step(stride, dilation), kernel);
}

static csep_phase_side phase_side(int64_t first, int64_t kernel, int64_t stride, int64_t dilation)
{
    const int64_t step = phase_step(stride, dilation), taps = ceil_div(kernel - first, step);
    return (csep_phase_side){first, taps, taps > 1 ? dilation / (stride / step) : 1};
}

/* A tap of a depthwise kernel for each of the C * M channels, also where they share one. */
static void copy_tap(const csep_plan *p, const void *dw, int64_t tap, void *to)
{
    const int size = p->kernels->size;
    const int64_t own = p->desc.shared_kernel ? p->desc.channel_multiplier : p->depth;
    for (int64_t k = 0; k < p->depth; k += own)
        memcpy(at_mut(to, k, size), at(dw, tap * own, size), (size_t)(own * size));
}

/* A tap of an ordinary one: (C / groups, CO) becomes (CO / groups, C). */
static void transpose_tap(const csep_plan *p, const void *w, int64_t tap, void *to)
{
    const int size = p->kernels->size;
    const int64_t c = p->desc.in_channels / p->groups, co = p->desc.out_channels;
    for (int64_t group = 0; group < p->groups; group++)
        transpose(p->kernels, at(w, tap * c * co + group * p->group_columns, size), c,
                  p->group_columns, co, at_mut(to, group * c, size), p->groups * c);
}

/* The taps of a phase in the opposite order. */
static void *phase_weights(const csep_plan *p, const csep_weights *weights, const csep_phase *phase)
{
    const csep_conv_desc *d = &p->desc;
    const int conv = d->kind == CSEP_CONV, size = p->kernels->size;
    const int64_t down = phase_step(d->stride_h, d->dilation_h);
    const int64_t across = phase_step(d->stride_w, d->dilation_w);
    const int64_t each = conv ? d->in_channels * p->group_columns : p->depth;
    const int64_t taps = phase->rows.taps * phase->columns.taps;
    char *const to = malloc((size_t)(taps * each * size));
    for (int64_t i = 0; to && i < taps; i++) {
        const int64_t row = phase->rows.taps - 1 - i / phase->columns.taps;
        const int64_t column = phase->columns.taps - 1 - i % phase->columns.taps;
        const int64_t tap =
            (phase->rows.first + row * down) * d->kernel_w + phase->columns.first + column * across;
        if (conv)
            transpose_tap(p, weights->w, tap, at_mut(to, i * each, size));
        else
            copy_tap(p, weights->dw, tap, at_mut(to, i * each, size));
    }
    return to;
}

static csep_plan *make_phase(const csep_plan *p, const csep_weights *weights,
                             const csep_phase *phase)
{
    const int conv = p->desc.kind == CSEP_CONV;
    csep_conv_desc d =
        conv ? desc_of(CSEP_CONV, p->desc.dtype, p->desc.out_channels, p->desc.in_channels)
             : desc_of(CSEP_DEPTHWISE, p->desc.dtype, p->depth, p->depth);
    d.groups = p->groups;
    d.kernel_h = phase->rows.taps;
    d.kernel_w = phase->columns.taps;
    d.dilation_h = phase->rows.dilation;
    d.dilation_w = phase->columns.dilation;
    return plan_of(&d, phase_weights(p, weights, phase));
}

static int make_phases(csep_gradient_plan *p, const csep_weights *weights)
{
    const csep_conv_desc *d = &p->forward->desc;
    const int64_t rows = phases_of_side(d->kernel_h, d->stride_h, d->dilation_h);
    const int64_t columns = phases_of_side(d->kernel_w, d->stride_w, d->dilation_w);
    p->phases = calloc((size_t)(rows * columns), sizeof *p->phases);
    if (!p->phases)
        return 0;
    p->phase_count = rows * columns;
    for (int64_t i = 0; i < p->phase_count; i++) {
        csep_phase *phase = &p->phases[i];
        phase->rows = phase_side(i / columns, d->kernel_h, d->stride_h, d->dilation_h);
        phase->columns = phase_side(i % columns, d->kernel_w, d->stride_w, d->dilation_w);
        phase->plan = make_phase(p->forward, weights, phase);
        if (!phase->plan)
            return 0;
    }
    return 1;
}

int csep_build_gradient_plan(csep_gradient_plan *p, const csep_conv_desc *d,
                             const csep_weights *weights, int needs)
{
    const int sums_again = d->activation.kind != CSEP_LINEAR;
    *p = (csep_gradient_plan){.forward = csep_build_part(d, weights, sums_again)};
    if (!p->forward)
        return 0;
    p->sums = *p->forward;
    p->sums.desc.activation = no_activation;
    p->linear = p->sums;
    p->linear.desc.depthwise_activation = no_activation;
    int ok = !(needs & CSEP_NEEDS_PHASES) || make_phases(p, weights);
    if (ok && (needs & CSEP_NEEDS_BACK) && d->kind == CSEP_SEPARABLE)
        ok = (p->back = make_back(p->forward, weights->pw)) != NULL;
    if (!ok)
        csep_free_gradient_plan(p);
    return ok;
}

void csep_free_gradient_plan(csep_gradient_plan *p)
{
    csep_free_plan(p->forward);
    csep_free_plan(p->back);
    for (int64_t i = 0; i < p->phase_count; i++)
        csep_free_plan(p->phases[i].plan);
    free(p->phases);
    *p = (csep_gradient_plan){0};
}
