/* Sizes: what a descriptor and a shape may be, output size, SAME padding. */
#include <stddef.h>

#include "arith.h"
#include "plan.h"

/* Bytes of an array with these sides; -1 if they do not fit, with room for padding. */
static int64_t array_bytes(const int64_t *sides, int count, int64_t size)
{
    int64_t bytes = size;
    for (int i = 0; i < count; i++)
        if (__builtin_mul_overflow(bytes, sides[i], &bytes) || bytes > INT64_MAX / 64)
            return -1;
    return bytes;
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
        !one_of(d->activation.function, CSEP_GELU_TANH) ||
        !one_of(d->depthwise_activation.function, CSEP_GELU_TANH))
        return CSEP_BAD_ARGUMENT;
    if (d->kind == CSEP_CONV && (d->channel_multiplier != 1 || d->shared_kernel))
        return CSEP_BAD_ARGUMENT;
    if (d->kind == CSEP_DEPTHWISE && d->out_channels != d->in_channels * d->channel_multiplier)
        return CSEP_BAD_ARGUMENT;
    const int64_t size = sizeof(double);
    const int64_t taps[] = {d->kernel_h, d->kernel_w, d->in_channels, d->channel_multiplier};
    if (array_bytes(taps, 4, size) < 0)
        return CSEP_BAD_SHAPE;
    const int64_t product[] = {csep_depth(d), d->out_channels};
    return array_bytes(product, 2, size) < 0 ? CSEP_BAD_SHAPE : CSEP_OK;
}

/* Output pixels along one side; < 1 when the kernel does not fit. */
static int64_t out_side(int64_t in, int64_t before, int64_t after, int64_t kernel, int64_t stride,
                        int64_t dilation)
{
    const int64_t room = in + before + after - ((kernel - 1) * dilation + 1);
    return room < 0 ? 0 : room / stride + 1;
}

static void same_side(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t *before,
                      int64_t *after)
{
    const int64_t outputs = in / stride + (in % stride != 0);
    /* In this order it cannot overflow, whatever in is. */
    const int64_t total = max64((outputs - 1) * stride - in + (kernel - 1) * dilation + 1, 0);
    *before = total / 2;
    *after = total - *before;
}

csep_status csep_same_padding(const csep_conv_desc *d, csep_shape *s)
{
    if (!d || !s || s->height < 0 || s->width < 0)
        return CSEP_BAD_ARGUMENT;
    const csep_status status = csep_check_desc(d);
    if (status != CSEP_OK)
        return status;
    same_side(s->height, d->kernel_h, d->stride_h, d->dilation_h, &s->pad_top, &s->pad_bottom);
    same_side(s->width, d->kernel_w, d->stride_w, d->dilation_w, &s->pad_left, &s->pad_right);
    return CSEP_OK;
}

csep_status csep_output_size(const csep_conv_desc *d, const csep_shape *s, int64_t *out_h,
                             int64_t *out_w)
{
    if (!d || !s || !out_h || !out_w)
        return CSEP_BAD_ARGUMENT;
    const csep_status status = csep_check_desc(d);
    return status == CSEP_OK ? csep_resolve(d, s, out_h, out_w) : status;
}

csep_status csep_resolve(const csep_conv_desc *d, const csep_shape *s, int64_t *out_h,
                         int64_t *out_w)
{
    if (!one_of(s->dtype, CSEP_BF16) || !one_of(s->layout, CSEP_NCHW) ||
        (s->dtype == CSEP_F64) != (d->dtype == CSEP_F64))
        return CSEP_BAD_ARGUMENT;
    if (s->batch < 0 || s->height < 0 || s->width < 0 || !in_range(s->pad_top, 0) ||
        !in_range(s->pad_bottom, 0) || !in_range(s->pad_left, 0) || !in_range(s->pad_right, 0))
        return CSEP_BAD_ARGUMENT;
    const int64_t size = sizeof(double);
    const int64_t x[] = {max64(s->batch, 1), max64(s->height, 1), max64(s->width, 1),
                         d->in_channels};
    if (array_bytes(x, 4, size) < 0)
        return CSEP_BAD_SHAPE;
    const int64_t h =
        out_side(s->height, s->pad_top, s->pad_bottom, d->kernel_h, d->stride_h, d->dilation_h);
    const int64_t w =
        out_side(s->width, s->pad_left, s->pad_right, d->kernel_w, d->stride_w, d->dilation_w);
    const int64_t y[] = {max64(s->batch, 1), h, w, d->out_channels};
    if (h < 1 || w < 1 || array_bytes(y, 4, size) < 0)
        return CSEP_BAD_SHAPE;
    *out_h = h;
    *out_w = w;
    return CSEP_OK;
}
