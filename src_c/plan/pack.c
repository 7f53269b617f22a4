#include "plan/pack.h"

#include <string.h>

#include "plan/arith.h"
#include "plan/sizes.h"

enum { ALIGNMENT = 64 };

void csep_count_part_bytes(const csep_conv_desc *d, const csep_kernels *kernels, csep_part_bytes *n)
{
    const int64_t vl = kernels->vl, size = kernels->size, depth = csep_depth(d);
    const int64_t padded = round_up(depth, vl), taps = d->kernel_h * d->kernel_w;
    const int has_taps = d->kind != CSEP_CONV, has_product = d->kind != CSEP_DEPTHWISE;
    *n = (csep_part_bytes){.dw_blocks = padded / vl};
    if (d->shared_kernel)
        n->dw_blocks = min64(n->dw_blocks, d->channel_multiplier /
                                               greatest_common_divisor(d->channel_multiplier, vl));
    if (has_taps) {
        n->dw = round_up(n->dw_blocks * vl * taps * size, ALIGNMENT);
        n->dw_bias = round_up(padded * size, ALIGNMENT);
        if (csep_first_activation(d)->kind == CSEP_PRELU)
            n->dw_slopes = n->dw_bias;
        if (d->channel_multiplier > 1)
            n->lane = round_up(padded * (int64_t)sizeof(int32_t), ALIGNMENT);
    }
    if (has_product) {
        const int64_t groups = csep_groups(d), columns = d->out_channels / groups;
        /* A group's last vector of bias may reach beyond it. */
        n->bias = round_up((d->out_channels + vl) * size, ALIGNMENT);
        if (d->activation.kind == CSEP_PRELU)
            n->slopes = n->bias;
        n->product = round_up(groups * depth * round_up(columns, vl) * size, ALIGNMENT);
    }
    n->small = n->dw + n->dw_bias + n->dw_slopes + n->bias + n->slopes + n->lane;
}

const void *csep_matrix_of(const csep_conv_desc *d, const csep_weights *weights)
{
    return d->kind == CSEP_CONV ? weights->w : weights->pw;
}

/* A vector of the columns of a row, from the first on, over and over. */
static void repeat_columns(const csep_plan *p, const void *row, int64_t columns, int64_t first,
                           void *to)
{
    const int size = p->kernels->size;
    for (int64_t i = 0; i < p->kernels->vl; i++)
        memcpy(at_mut(to, i, size), at(row, (first + i) % columns, size), (size_t)size);
}

/* Output channel k uses column k % columns of dw: all of them, or M of a shared kernel.  What
 * kernels read repeats them where the kernel is shared, or pixels lie side by side in a vector. */
static void pack_depthwise(const csep_plan *p, const void *dw)
{
    const csep_kernels *kernels = p->kernels;
    const int64_t vl = kernels->vl, taps = p->desc.kernel_h * p->desc.kernel_w;
    const int size = kernels->size;
    const int64_t columns = p->desc.shared_kernel ? p->desc.channel_multiplier : p->depth;
    const int repeated = p->desc.shared_kernel || csep_is_flat(&p->desc, vl);
    for (int64_t block = 0; block < p->dw_blocks; block++) {
        void *to = at_mut(p->dw, block * taps * vl, size);
        const int64_t k = block * vl;
        if (!repeated) {
            kernels->pack_panel(at(dw, k, size), columns, taps, min64(vl, columns - k), to);
            continue;
        }
        for (int64_t tap = 0; tap < taps; tap++)
            repeat_columns(p, at(dw, tap * columns, size), columns, k, at_mut(to, tap * vl, size));
    }
}

static void pack_lanes(const csep_plan *p)
{
    const int64_t vl = p->kernels->vl, m = p->desc.channel_multiplier;
    for (int64_t k = 0; k < p->depth; k += vl)
        for (int64_t i = 0; i < vl; i++)
            p->lane[k + i] = (int32_t)((k + i) / m - k / m);
}

/* A number for each channel, or zeros where there is no array of them; to a part that may be none.
 */
static void pack_numbers(const csep_plan *p, const void *array, int64_t count, void *to,
                         int64_t bytes)
{
    if (to && array && csep_is_flat(&p->desc, p->kernels->vl))
        repeat_columns(p, array, count, 0, to);
    else if (to && array)
        p->kernels->pack_panel(array, count, 1, count, to);
    else if (to)
        memset(to, 0, (size_t)bytes);
}

void csep_pack_small_parts(const csep_plan *p, const csep_weights *weights,
                           const csep_part_bytes *bytes)
{
    const csep_conv_desc *d = &p->desc;
    if (bytes->dw) {
        const int alone = d->kind == CSEP_DEPTHWISE;
        pack_depthwise(p, weights->dw);
        pack_numbers(p, alone ? weights->bias : weights->dw_bias, p->depth, p->dw_bias,
                     bytes->dw_bias);
        pack_numbers(p, alone ? weights->slopes : weights->dw_slopes, p->depth, p->dw_slopes,
                     bytes->dw_slopes);
    }
    if (bytes->lane)
        pack_lanes(p);
    if (bytes->product) {
        pack_numbers(p, weights->bias, d->out_channels, p->bias, bytes->bias);
        pack_numbers(p, weights->slopes, d->out_channels, p->slopes, bytes->slopes);
    }
}

int64_t csep_group_elements(const csep_plan *p)
{
    return p->depth * round_up(p->group_columns, p->kernels->vl);
}

void csep_pack_product(const csep_plan *p, const void *matrix, void *panels)
{
    const int size = p->kernels->size;
    const int64_t co = p->desc.out_channels, width = p->panel_vectors * p->kernels->vl;
    const int64_t columns = p->group_columns;
    for (int64_t group = 0; group < p->groups; group++) {
        void *own = at_mut(panels, csep_group_elements(p) * group, size);
        for (int64_t first = 0; first < columns; first += width)
            p->kernels->pack_panel(at(matrix, group * columns + first, size), co, p->depth,
                                   min64(width, columns - first),
                                   at_mut(own, first * p->depth, size));
    }
}
