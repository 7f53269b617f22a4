/* What sizes may be, and what follows from them.  The only place where that is computed. */
#ifndef CSEP_PLAN_SIZES_H
#define CSEP_PLAN_SIZES_H

#include "csep.h"

/* Whether an array with these sides, of doubles, can be addressed with room for padding. */
int csep_fits_memory(const int64_t *sides, int count);

/* Whether a descriptor may be: CSEP_OK, CSEP_BAD_ARGUMENT or CSEP_BAD_SHAPE. */
csep_status csep_check_desc(const csep_conv_desc *desc);

/* Checks an input against a checked descriptor; fills in geometry with CSEP_OK only. */
csep_status csep_resolve_sizes(const csep_conv_desc *desc, const csep_input *input,
                               csep_geometry *geometry);

/* Rows and columns under a kernel, those between its taps included. */
static inline int64_t csep_reach_h(const csep_conv_desc *d)
{
    return (d->kernel_h - 1) * d->dilation_h + 1;
}
static inline int64_t csep_reach_w(const csep_conv_desc *d)
{
    return (d->kernel_w - 1) * d->dilation_w + 1;
}

/* Whether padding holds pixels of the image. */
static inline int csep_has_border(const csep_geometry *geometry)
{
    return geometry->input.padding_mode != CSEP_ZEROS;
}

/* Whether x is converted before kernels see it: from another dtype or layout, or to get a border.
 */
static inline int csep_is_converted(const csep_conv_desc *d, const csep_geometry *geometry)
{
    const csep_input *in = &geometry->input;
    return in->dtype != d->dtype || in->layout != CSEP_NHWC || csep_has_border(geometry);
}

/* Sets input's paddings to SAME's, or to SAME_LOWER's where its padding says so; for a checked
 * descriptor and sizes of at least 0. */
void csep_set_same_padding(const csep_conv_desc *desc, csep_input *input);

/* Groups of an ordinary convolution; 1 for the other kinds. */
static inline int64_t csep_groups(const csep_conv_desc *d) { return d->groups ? d->groups : 1; }

/* What follows the first stage at once. */
static inline const csep_activation *csep_first_activation(const csep_conv_desc *d)
{
    return d->kind == CSEP_DEPTHWISE ? &d->activation : &d->depthwise_activation;
}

/* Depthwise convolutions of so few channels that two pixels fit into a vector of vl take a row of
 * pixels as a row of numbers. */
static inline int csep_is_flat(const csep_conv_desc *d, int64_t vl)
{
    return d->kind == CSEP_DEPTHWISE && d->channel_multiplier == 1 && d->stride_w == 1 &&
           2 * d->in_channels <= vl;
}

/* An ordinary convolution in which each output pixel takes the input pixel at its own place. */
static inline int csep_is_pointwise(const csep_conv_desc *d, const csep_geometry *g)
{
    return d->kind == CSEP_CONV && d->kernel_h == 1 && d->kernel_w == 1 && g->rows.step == 1 &&
           g->columns.step == 1 && g->out_h == g->input.height && g->out_w == g->input.width &&
           !g->input.pad_top && !g->input.pad_left;
}

/* K, the channels of the first stage, of one group. */
static inline int64_t csep_depth(const csep_conv_desc *d)
{
    return d->kind == CSEP_CONV ? d->kernel_h * d->kernel_w * (d->in_channels / csep_groups(d))
                                : d->in_channels * d->channel_multiplier;
}

#endif
