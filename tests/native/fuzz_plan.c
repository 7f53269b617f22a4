/* A libFuzzer target: descriptors, shapes and arrays out of the fuzzer's bytes.
 *
 * Sizes are small, but up to three fields are any 64 bits.  What is accepted is held against the
 * header's rules and the formula of the output size.  Where the arrays have room, every call is
 * made: a plan with any number of threads and both steps in one give the same bits, in arrays that
 * end or begin at a page that must not be touched (the kernels are not instrumented).
 */
#include "fuzzing.h"

static void small_sizes(input *in, csep_conv_desc *d, csep_input *s)
{
    d->kind = (csep_kind)take(in, 0, 2);
    d->dtype = (csep_dtype)take(in, 0, 1);
    d->shared_kernel = d->kind == CSEP_CONV ? 0 : (int)take(in, 0, 1);
    d->in_channels = take(in, 1, 40);
    d->channel_multiplier = d->kind == CSEP_CONV ? 1 : take(in, 1, 4);
    d->out_channels =
        d->kind == CSEP_DEPTHWISE ? d->in_channels * d->channel_multiplier : take(in, 1, 70);
    if (d->kind == CSEP_CONV) {
        d->groups = take(in, 0, 4);
        const int64_t groups = d->groups ? d->groups : 1;
        d->in_channels = d->in_channels / groups * groups + (d->in_channels < groups ? groups : 0);
        d->out_channels =
            d->out_channels / groups * groups + (d->out_channels < groups ? groups : 0);
    }
    d->kernel_h = take(in, 1, 7);
    d->kernel_w = take(in, 1, 7);
    d->stride_h = take(in, 1, 4);
    d->stride_w = take(in, 1, 4);
    d->dilation_h = take(in, 1, 4);
    d->dilation_w = take(in, 1, 4);
    d->activation.kind = (csep_activation_kind)take(in, 0, CSEP_LAST_ACTIVATION);
    d->activation.alpha = (double)take(in, 0, 4) / 4;
    if (d->kind == CSEP_SEPARABLE)
        d->depthwise_activation.kind = (csep_activation_kind)take(in, 0, CSEP_LAST_ACTIVATION);
    s->dtype = d->dtype == CSEP_F64 ? CSEP_F64 : (csep_dtype[]){0, 2, 3}[take(in, 0, 2)];
    s->layout = (csep_layout)take(in, 0, 1);
    s->batch = take(in, 0, 2);
    s->height = take(in, 0, 24);
    s->width = take(in, 0, 24);
    s->pad_top = take(in, 0, 9);
    s->pad_bottom = take(in, 0, 9);
    s->pad_left = take(in, 0, 9);
    s->pad_right = take(in, 0, 9);
    s->padding_mode = (csep_padding_mode)(take(in, 0, 5) % 4);
}

/* One field is anything. */
static void any_field(input *in, csep_conv_desc *d, csep_input *s)
{
    int64_t *const sizes[] = {&d->in_channels,  &d->channel_multiplier,
                              &d->out_channels, &d->groups,
                              &d->kernel_h,     &d->kernel_w,
                              &d->stride_h,     &d->stride_w,
                              &d->dilation_h,   &d->dilation_w,
                              &s->batch,        &s->height,
                              &s->width,        &s->pad_top,
                              &s->pad_bottom,   &s->pad_left,
                              &s->pad_right};
    int *const numbers[] = {(int *)&d->kind,
                            (int *)&d->dtype,
                            &d->shared_kernel,
                            (int *)&d->activation.kind,
                            (int *)&d->depthwise_activation.kind,
                            (int *)&s->dtype,
                            (int *)&s->layout,
                            (int *)&s->padding,
                            (int *)&s->padding_mode};
    enum { SIZES = sizeof sizes / sizeof *sizes, NUMBERS = sizeof numbers / sizeof *numbers };
    const int64_t which = take(in, 0, SIZES + NUMBERS);
    const int64_t value = take_any(in);
    if (which < SIZES)
        *sizes[which] = value;
    else if (which < SIZES + NUMBERS)
        *numbers[which - SIZES] = (int)value;
    else
        memcpy(&d->activation.alpha, &value, sizeof value);
}

/* The header's rules. */
static int may_be(const csep_conv_desc *d, const csep_input *s)
{
    const int64_t steps[] = {d->in_channels, d->channel_multiplier, d->out_channels,
                             d->kernel_h,    d->kernel_w,           d->stride_h,
                             d->stride_w,    d->dilation_h,         d->dilation_w};
    const int64_t others[] = {s->pad_top, s->pad_bottom, s->pad_left, s->pad_right,
                              s->batch,   s->height,     s->width};
    int right = 1;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        right &= steps[i] >= 1 && steps[i] <= CSEP_MAX_STEP;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        right &= (i < 4 && s->padding != CSEP_EXPLICIT) ||
                 (others[i] >= 0 && (i > 3 || others[i] <= CSEP_MAX_STEP));
    right &= (unsigned)d->kind <= CSEP_CONV && (unsigned)s->layout <= CSEP_NCHW;
    right &= (unsigned)s->padding <= CSEP_SAME_LOWER;
    right &= (unsigned)s->padding_mode <= CSEP_CIRCULAR;
    right &= (unsigned)d->activation.kind <= CSEP_LAST_ACTIVATION;
    right &= (unsigned)d->depthwise_activation.kind <= CSEP_LAST_ACTIVATION;
    right &= d->dtype == CSEP_F64
                 ? s->dtype == CSEP_F64
                 : d->dtype == CSEP_F32 && s->dtype != CSEP_F64 && (unsigned)s->dtype <= CSEP_BF16;
    right &= d->groups >= 0 && d->groups <= CSEP_MAX_STEP;
    if (d->groups > 0)
        right &= (d->groups == 1 || d->kind == CSEP_CONV) && d->in_channels % d->groups == 0 &&
                 d->out_channels % d->groups == 0;
    if (d->kind == CSEP_CONV)
        right &= d->channel_multiplier == 1 && !d->shared_kernel;
    if (d->kind == CSEP_DEPTHWISE)
        right &= d->out_channels == (__int128)d->in_channels * d->channel_multiplier;
    return right;
}

/* Output pixels along one side, on the way to which nothing overflows; < 1: none. */
static int64_t side(int64_t in, int64_t before, int64_t after, int64_t kernel, int64_t stride,
                    int64_t dilation)
{
    const __int128 reach = (__int128)(kernel - 1) * dilation + 1;
    const __int128 room = (__int128)in + before + after - reach;
    const __int128 outputs = room < 0 ? 0 : room / stride + 1;
    return outputs < INT64_MAX ? (int64_t)outputs : INT64_MAX;
}

/* SAME along one side: outputs, and the larger half of the padding. */
static int64_t same_side(int64_t in, int64_t kernel, int64_t stride, int64_t dilation,
                         __int128 *padding)
{
    const __int128 outputs = ((__int128)in + stride - 1) / stride;
    const __int128 reach = (__int128)(kernel - 1) * dilation + 1;
    const __int128 total = (outputs - 1) * stride + reach - in;
    *padding = total > 0 ? (total + 1) / 2 : 0;
    return (int64_t)outputs;
}

/* Whether a side is too short for a mode to fill this padding with its pixels. */
static int too_short(csep_padding_mode mode, __int128 padding, int64_t side)
{
    const __int128 most[] = {INT64_MAX, (__int128)side - 1, side > 0 ? INT64_MAX : 0, side};
    return padding > 0 && padding > most[mode];
}

static int64_t at_least_1(int64_t n) { return n < 1 ? 1 : n; }

/* No array of the call is large, not even with an image in it, nor with its padding. */
static int small(const csep_conv_desc *d, const csep_input *s, int64_t h, int64_t w)
{
    const int64_t batch = at_least_1(s->batch);
    /* No more than this is SAME. */
    const int64_t high = s->padding == CSEP_EXPLICIT ? s->pad_top + s->pad_bottom
                                                     : (d->kernel_h - 1) * d->dilation_h;
    const int64_t wide = s->padding == CSEP_EXPLICIT ? s->pad_left + s->pad_right
                                                     : (d->kernel_w - 1) * d->dilation_w;
    const int border = s->padding_mode != CSEP_ZEROS;
    const int64_t height = at_least_1(s->height), width = at_least_1(s->width);
    return count(batch, height, width, d->in_channels) >= 0 &&
           (!border || count(batch, height + high, width + wide, d->in_channels) >= 0) &&
           count(batch, h, w, d->out_channels) >= 0 &&
           count(d->kernel_h, d->kernel_w, d->in_channels, d->channel_multiplier) >= 0;
}

/* Whether there is an output; its size is what it must be. */
static int has_output(const csep_conv_desc *d, const csep_input *s, int64_t *out_h, int64_t *out_w)
{
    *out_h = *out_w = -1;
    const csep_status status = csep_output_size(d, s, out_h, out_w);
    const int right = may_be(d, s);
    require(right ? status != CSEP_BAD_ARGUMENT : status != CSEP_OK,
            "the wrong fields are accepted");
    if (!right)
        return 0;
    __int128 vertical = s->pad_top > s->pad_bottom ? s->pad_top : s->pad_bottom;
    __int128 horizontal = s->pad_left > s->pad_right ? s->pad_left : s->pad_right;
    const int same = s->padding != CSEP_EXPLICIT;
    const int64_t h =
        same ? same_side(s->height, d->kernel_h, d->stride_h, d->dilation_h, &vertical)
             : side(s->height, s->pad_top, s->pad_bottom, d->kernel_h, d->stride_h, d->dilation_h);
    const int64_t w =
        same ? same_side(s->width, d->kernel_w, d->stride_w, d->dilation_w, &horizontal)
             : side(s->width, s->pad_left, s->pad_right, d->kernel_w, d->stride_w, d->dilation_w);
    const int too_far = vertical > CSEP_MAX_STEP || horizontal > CSEP_MAX_STEP;
    const int no_border = too_short(s->padding_mode, vertical, s->height) ||
                          too_short(s->padding_mode, horizontal, s->width);
    const double outputs = (double)s->batch * (double)h * (double)w * (double)d->out_channels;
    if (status == CSEP_OK) {
        require(*out_h == h && *out_w == w && h > 0 && w > 0, "the wrong size");
        require(outputs < 0x1p60, "more than can be counted");
        require(!no_border, "padding of pixels that are not there");
    } else {
        require(*out_h == -1 && *out_w == -1, "a size without success");
        require(h < 1 || w < 1 || too_far || no_border || !small(d, s, h, w),
                "refused without a reason");
    }
    return status == CSEP_OK;
}

/* All arrays of a call. */
typedef struct arrays {
    int64_t outputs;
    void *dw, *dw_bias, *dw_slopes, *pw, *bias, *slopes, *x, *residual, *y, *again;
} arrays;

/* 0 where there is no room for them. */
static int make_arrays(input *in, const csep_conv_desc *d, const csep_input *s, int64_t out_h,
                       int64_t out_w, arrays *a)
{
    const int has_dw = d->kind != CSEP_CONV, has_pw = d->kind != CSEP_DEPTHWISE;
    const int64_t real = bytes_of(d->dtype), element = bytes_of(s->dtype);
    const int64_t dw = count(d->kernel_h, d->kernel_w, d->shared_kernel ? 1 : d->in_channels,
                             d->channel_multiplier);
    const int64_t depth = count(d->in_channels, has_dw ? d->channel_multiplier : d->kernel_h,
                                has_dw ? 1 : d->kernel_w, 1);
    const int64_t pw = count(depth, d->out_channels, 1, 1);
    const int64_t x = count(s->batch, s->height, s->width, d->in_channels);
    if (!small(d, s, out_h, out_w))
        return 0;
    a->outputs = count(s->batch, out_h, out_w, d->out_channels);
    if ((has_dw && dw < 0) || (has_pw && pw < 0) || depth < 0 || x < 0 || a->outputs < 0)
        return 0;
    const int64_t choice = take(in, 0, 7);
    a->dw = has_dw ? make_array(in, 0, dw * real) : NULL;
    a->dw_bias = choice & 1 && d->kind == CSEP_SEPARABLE ? make_array(in, 1, depth * real) : NULL;
    a->pw = has_pw ? make_array(in, 2, pw * real) : NULL;
    a->bias = choice & 2 ? make_array(in, 3, d->out_channels * real) : NULL;
    a->x = make_array(in, 4, x * element);
    a->residual = choice & 4 ? make_array(in, 5, a->outputs * element) : NULL;
    a->y = make_array(in, 6, a->outputs * element);
    a->again = make_array(in, 7, a->outputs * element);
    a->dw_slopes = d->kind == CSEP_SEPARABLE && d->depthwise_activation.kind == CSEP_PRELU
                       ? make_array(in, 8, depth * real)
                       : NULL;
    a->slopes = d->activation.kind == CSEP_PRELU ? make_array(in, 9, d->out_channels * real) : NULL;
    const int64_t missing = take(in, 0, 15);
    if (missing == 12)
        a->slopes = NULL;
    if (missing == 13)
        a->dw_slopes = NULL;
    if (missing == 14)
        a->dw = NULL;
    if (missing == 15)
        a->pw = NULL;
    return 1;
}

/* Where gradients go: the array and how many numbers it has, in the order of csep_gradients; those
 * that there are or, now and then, one too many. */
enum { GRADIENTS = 7 };

static csep_gradients make_gradients(input *in, const csep_conv_desc *d, const csep_input *s,
                                     const arrays *a, void **array, int64_t *numbers)
{
    const int conv = d->kind == CSEP_CONV, separable = d->kind == CSEP_SEPARABLE;
    const int64_t depth =
        conv ? d->kernel_h * d->kernel_w * d->in_channels : d->in_channels * d->channel_multiplier;
    const int64_t groups = d->groups ? d->groups : 1;
    const int64_t counts[GRADIENTS] = {
        s->batch * s->height * s->width * d->in_channels,
        a->residual ? a->outputs : 0,
        conv ? 0
             : d->kernel_h * d->kernel_w * (d->shared_kernel ? 1 : d->in_channels) *
                   d->channel_multiplier,
        separable ? depth : 0,
        separable ? depth * d->out_channels : 0,
        conv ? depth / groups * d->out_channels : 0,
        d->out_channels,
    };
    const int64_t chosen = take(in, 0, 255);
    const int rooms[GRADIENTS] = {7, 10, 11, 12, 13, 14, 15};
    for (int i = 0; i < GRADIENTS; i++) {
        const int wanted = chosen >> i & 1 && (counts[i] > 0 || chosen == 255);
        numbers[i] = counts[i];
        array[i] = wanted ? make_array(in, rooms[i], counts[i] * bytes_of(d->dtype)) : NULL;
    }
    return (csep_gradients){array[0], array[1], array[2], array[3], array[4], array[5], array[6]};
}

/* One thread and many, the plan and both steps in one: the same bits. */
static void differentiate(input *in, const csep_conv_desc *d, const csep_input *s, const arrays *a,
                          const csep_weights *weights, int threads)
{
    void *array[GRADIENTS], *before[GRADIENTS];
    int64_t numbers[GRADIENTS];
    const csep_gradients g = make_gradients(in, d, s, a, array, numbers);
    const csep_status status = csep_backward(d, s, weights, a->x, a->residual, a->y, &g, 1);
    csep_gradient_plan *plan;
    const csep_status made = csep_gradient_plan_create(&plan, d, weights);
    require((made == CSEP_OK) == (plan != NULL), "a gradient plan without success, or the reverse");
    if (status == CSEP_OK)
        require(made == CSEP_OK, "a backward pass for which there is no plan");
    for (int i = 0; i < GRADIENTS; i++) {
        const size_t bytes = (size_t)(numbers[i] * bytes_of(d->dtype));
        before[i] = array[i] ? malloc(bytes + 1) : NULL;
        if (array[i])
            memcpy(before[i], array[i], bytes);
    }
    if (plan)
        require(csep_execute_backward(plan, s, a->x, a->residual, a->y, &g, threads) == status,
                "a prepared backward pass ends otherwise");
    for (int i = 0; i < GRADIENTS; i++) {
        require(!array[i] || same(d->dtype, array[i], before[i], numbers[i]),
                "gradients of other bits");
        free(before[i]);
    }
    csep_gradient_plan_destroy(plan);
}

static void run(input *in, const csep_conv_desc *d, const csep_input *s, const arrays *a,
                int threads)
{
    const csep_weights weights = {.dw = a->dw,
                                  .dw_bias = a->dw_bias,
                                  .pw = a->pw,
                                  .w = a->pw,
                                  .bias = a->bias,
                                  .dw_slopes = a->dw_slopes,
                                  .slopes = a->slopes};
    csep_plan *plan;
    const csep_status status = csep_plan_create(&plan, d, &weights);
    const int sloped = d->activation.kind == CSEP_PRELU;
    const int between = d->kind == CSEP_SEPARABLE && d->depthwise_activation.kind == CSEP_PRELU;
    const int complete = (a->dw || d->kind == CSEP_CONV) && (a->pw || d->kind == CSEP_DEPTHWISE) &&
                         (a->slopes || !sloped) && (a->dw_slopes || !between);
    require(status == (complete ? CSEP_OK : CSEP_BAD_ARGUMENT), "weights are missing, or not");
    require((status == CSEP_OK) == (plan != NULL), "a plan without success, or the reverse");
    const csep_status ran = csep_execute(plan, s, a->x, a->residual, a->y, threads);
    require(plan || ran == CSEP_BAD_ARGUMENT, "ran without a plan");
    require(csep_convolve(d, s, &weights, a->x, a->residual, a->again, 1) == (plan ? ran : status),
            "both steps in one end otherwise");
    if (ran == CSEP_OK)
        require(same(s->dtype, a->y, a->again, a->outputs), "both steps in one give other bits");
    csep_geometry g;
    if (ran == CSEP_OK) {
        require(csep_plan_resolve(plan, s, &g) == CSEP_OK, "ran what cannot be resolved");
        require(csep_execute_resolved(plan, &g, a->x, a->residual, a->again, 1) == CSEP_OK &&
                    same(s->dtype, a->y, a->again, a->outputs),
                "other bits for a geometry that was resolved");
    }
    csep_plan_destroy(plan);
    differentiate(in, d, s, a, &weights, threads);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, data + size};
    csep_conv_desc d = {.kind = CSEP_SEPARABLE};
    csep_input s = {.dtype = CSEP_F32};
    const int64_t choice = take(&in, 0, 31);
    const int threads = 1 + (int)(choice % 4);
    small_sizes(&in, &d, &s);
    for (int64_t left = choice / 4 % 4; left > 0; left--)
        any_field(&in, &d, &s);
    if (choice / 16 % 2)
        s.padding = threads % 2 ? CSEP_SAME : CSEP_SAME_LOWER;
    int64_t out_h, out_w;
    arrays a;
    if (has_output(&d, &s, &out_h, &out_w) && make_arrays(&in, &d, &s, out_h, out_w, &a))
        run(&in, &d, &s, &a, threads);
    return 0;
}
