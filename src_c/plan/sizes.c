#include "plan/sizes.h"

#include <stddef.h>

#include "plan/arith.h"

/* With NCHW a run of a few pixels is converted channel by channel: that takes as long as converting
 * so many columns more. */
enum { COLUMNS_WORTH_A_RUN = 32 };

int csep_fits_memory(const int64_t *sides, int count)
{
    int64_t bytes = sizeof(double);
    for (int i = 0; i < count; i++)
        if (__builtin_mul_overflow(bytes, sides[i], &bytes) || bytes > INT64_MAX / 64)
            return 0;
    return 1;
}

static int images_fit(const csep_input *in, int64_t channels)
{
    const int64_t sides[] = {max64(in->batch, 1), max64(in->height, 1), max64(in->width, 1),
                             channels};
    return csep_fits_memory(sides, 4);
}

static int in_range(int64_t value, int64_t low) { return value >= low && value <= CSEP_MAX_STEP; }

/* Compared as unsigned: an enum may hold anything a caller put there. */
static int one_of(unsigned value, unsigned last) { return value <= last; }

csep_status csep_check_desc(const csep_conv_desc *d)
{
    const int64_t fields[] = {d->in_channels, d->channel_multiplier, d->out_channels,
                              d->kernel_h,    d->kernel_w,           d->stride_h,
                              d->stride_w,    d->dilation_h,         d->dilation_w};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!in_range(fields[i], 1))
            return CSEP_BAD_ARGUMENT;
    if (!one_of(d->kind, CSEP_CONV) || !one_of(d->dtype, CSEP_F64) ||
        !one_of(d->activation.kind, CSEP_LAST_ACTIVATION) ||
        !one_of(d->depthwise_activation.kind, CSEP_LAST_ACTIVATION))
        return CSEP_BAD_ARGUMENT;
    if (d->kind == CSEP_CONV && (d->channel_multiplier != 1 || d->shared_kernel))
        return CSEP_BAD_ARGUMENT;
    if (d->groups != 0 && (!in_range(d->groups, 1) || (d->groups > 1 && d->kind != CSEP_CONV) ||
                           d->in_channels % d->groups || d->out_channels % d->groups))
        return CSEP_BAD_ARGUMENT;
    if (d->kind == CSEP_DEPTHWISE && d->out_channels != d->in_channels * d->channel_multiplier)
        return CSEP_BAD_ARGUMENT;
    const int64_t taps[] = {d->kernel_h, d->kernel_w, d->in_channels, d->channel_multiplier};
    if (!csep_fits_memory(taps, 4))
        return CSEP_BAD_SHAPE;
    const int64_t product[] = {csep_depth(d), d->out_channels};
    return d->kind == CSEP_DEPTHWISE || csep_fits_memory(product, 2) ? CSEP_OK : CSEP_BAD_SHAPE;
}

/* Output pixels along one side; < 1 when the kernel does not fit. */
static int64_t out_side(int64_t in, int64_t before, int64_t after, int64_t kernel, int64_t stride,
                        int64_t dilation)
{
    const int64_t room = in + before + after - ((kernel - 1) * dilation + 1);
    return room < 0 ? 0 : stride == 1 ? room + 1 : room / stride + 1;
}

static void same_side(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t *before,
                      int64_t *after)
{
    const int64_t outputs = stride == 1 ? in : in / stride + (in % stride != 0);
    /* In this order it cannot overflow, whatever in is. */
    const int64_t total = max64((outputs - 1) * stride - in + (kernel - 1) * dilation + 1, 0);
    *before = total / 2;
    *after = total - *before;
}

void csep_set_same_padding(const csep_conv_desc *d, csep_input *in)
{
    const int lower = in->padding == CSEP_SAME_LOWER;
    int64_t *const top = lower ? &in->pad_bottom : &in->pad_top;
    int64_t *const bottom = lower ? &in->pad_top : &in->pad_bottom;
    int64_t *const left = lower ? &in->pad_right : &in->pad_left;
    int64_t *const right = lower ? &in->pad_left : &in->pad_right;
    same_side(in->height, d->kernel_h, d->stride_h, d->dilation_h, top, bottom);
    same_side(in->width, d->kernel_w, d->stride_w, d->dilation_w, left, right);
}

/* Whether a side has the pixels that a mode fills its padding with. */
static int can_pad(csep_padding_mode mode, int64_t before, int64_t after, int64_t side)
{
    const int64_t longest = max64(before, after);
    return longest == 0 || mode == CSEP_ZEROS ||
           (mode == CSEP_REPLICATE ? side > 0 : longest < side + (mode == CSEP_CIRCULAR));
}

/* Padding that holds pixels of x becomes a part of the image. */
static void make_border(csep_input *in)
{
    in->height += in->pad_top + in->pad_bottom;
    in->width += in->pad_left + in->pad_right;
    in->pad_top = in->pad_bottom = in->pad_left = in->pad_right = 0;
}

/* Of the first `limit` pixels of a padded side, those that are kept when of every stride pixels
 * only the first `window` are, and only so many times. */
static int64_t kept(int64_t limit, int64_t window, int64_t stride, int64_t outputs)
{
    return min64(limit / stride * window + min64(limit % stride, window), outputs * window);
}

/* Where a stride leaves pixels out between the kernels of two outputs, so does the conversion:
 * kernels see the windows side by side. */
static void leave_out(csep_side *side, int64_t outputs, int64_t reach, int64_t *size,
                      int64_t *before, int64_t *after)
{
    const int64_t stride = side->step;
    if (stride <= reach)
        return;
    const int64_t first = kept(*before, reach, stride, outputs);
    const int64_t end = kept(*before + *size, reach, stride, outputs);
    *size = end - first;
    *before = first;
    *after = outputs * reach - end;
    side->step = reach;
}

csep_status csep_resolve_sizes(const csep_conv_desc *d, const csep_input *input,
                               csep_geometry *geometry)
{
    if (!one_of(input->dtype, CSEP_BF16) || !one_of(input->layout, CSEP_NCHW) ||
        !one_of(input->padding, CSEP_SAME_LOWER) || !one_of(input->padding_mode, CSEP_CIRCULAR) ||
        (input->dtype == CSEP_F64) != (d->dtype == CSEP_F64))
        return CSEP_BAD_ARGUMENT;
    if (input->batch < 0 || input->height < 0 || input->width < 0)
        return CSEP_BAD_ARGUMENT;
    csep_input in = *input;
    if (in.padding != CSEP_EXPLICIT)
        csep_set_same_padding(d, &in);
    in.padding = CSEP_EXPLICIT;
    if (!in_range(in.pad_top, 0) || !in_range(in.pad_bottom, 0) || !in_range(in.pad_left, 0) ||
        !in_range(in.pad_right, 0)) /* SAME's, too, with a kernel of 2^31 at a dilation of 2^31 */
        return input->padding == CSEP_EXPLICIT ? CSEP_BAD_ARGUMENT : CSEP_BAD_SHAPE;
    if (!images_fit(&in, d->in_channels) ||
        !can_pad(in.padding_mode, in.pad_top, in.pad_bottom, in.height) ||
        !can_pad(in.padding_mode, in.pad_left, in.pad_right, in.width))
        return CSEP_BAD_SHAPE;
    csep_geometry g = {.input = in,
                       .rows = {in.height, in.pad_top, d->stride_h},
                       .columns = {in.width, in.pad_left, d->stride_w}};
    g.out_h =
        out_side(in.height, in.pad_top, in.pad_bottom, d->kernel_h, d->stride_h, d->dilation_h);
    g.out_w =
        out_side(in.width, in.pad_left, in.pad_right, d->kernel_w, d->stride_w, d->dilation_w);
    const int64_t y[] = {max64(in.batch, 1), g.out_h, g.out_w, d->out_channels};
    if (g.out_h < 1 || g.out_w < 1 || !csep_fits_memory(y, 4))
        return CSEP_BAD_SHAPE;
    if (!(in.pad_top | in.pad_bottom | in.pad_left | in.pad_right))
        g.input.padding_mode = CSEP_ZEROS;
    if (csep_has_border(&g))
        make_border(&g.input);
    if (csep_is_converted(d, &g)) {
        leave_out(&g.rows, g.out_h, csep_reach_h(d), &g.input.height, &g.input.pad_top,
                  &g.input.pad_bottom);
        const int64_t reach = csep_reach_w(d);
        if (in.layout == CSEP_NHWC || d->stride_w > reach + COLUMNS_WORTH_A_RUN)
            leave_out(&g.columns, g.out_w, reach, &g.input.width, &g.input.pad_left,
                      &g.input.pad_right);
    }
    if (!images_fit(&g.input, d->in_channels))
        return CSEP_BAD_SHAPE;
    *geometry = g;
    return CSEP_OK;
}
