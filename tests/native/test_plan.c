/* The plan API without Python: random geometries against the formula in double, bad arguments.
 * x and y lie against pages that must not be touched: a sanitizer does not look into the
 * intrinsics, the processor does.
 *
 *     test_plan [geometries]
 */
#include "testing.h"

#include "kernels/dispatch.h"
#include "plan/schedule.h"
#include "plan/sizes.h"

/* A call and its arrays. */
typedef struct problem {
    csep_conv_desc d;
    csep_input s;
    int64_t out_h, out_w;
    csep_weights weights;
    const void *x, *residual;
} problem;

/* Where an element of an image array lies. */
static int64_t place(csep_layout layout, int64_t height, int64_t width, int64_t channels, int64_t b,
                     int64_t i, int64_t j, int64_t c)
{
    return layout == CSEP_NCHW ? ((b * channels + c) * height + i) * width + j
                               : ((b * height + i) * width + j) * channels + c;
}

/* Which pixel of a side is seen at i, which may lie beside it; -1: none. */
static int64_t seen(csep_padding_mode mode, int64_t i, int64_t side)
{
    if (i >= 0 && i < side)
        return i;
    switch (mode) {
    case CSEP_REFLECT: return side - 1 - llabs(side - 1 - llabs(i));
    case CSEP_REPLICATE: return i < 0 ? 0 : side - 1;
    case CSEP_CIRCULAR: return (i + side) % side;
    default: return -1;
    }
}

static double input(const problem *p, int64_t b, int64_t i, int64_t j, int64_t q)
{
    const csep_input *s = &p->s;
    i = seen(s->padding_mode, i, s->height);
    j = seen(s->padding_mode, j, s->width);
    if (i < 0 || j < 0)
        return 0;
    return get(s->dtype, p->x, place(s->layout, s->height, s->width, p->d.in_channels, b, i, j, q));
}

static double activate(const problem *p, csep_activation activation, const void *slopes,
                       int64_t channel, double v)
{
    switch (activation.kind) {
    case CSEP_RELU6: return fmin(fmax(v, 0), 6);
    case CSEP_PRELU: return v < 0 ? get(p->d.dtype, slopes, channel) * v : v;
    default: return v;
    }
}

/* Depthwise output c of one output pixel. */
static double depthwise(const problem *p, int64_t b, int64_t i, int64_t j, int64_t c)
{
    const csep_conv_desc *d = &p->d;
    const int64_t m = d->channel_multiplier, q = c / m;
    const int64_t row = d->shared_kernel ? m : d->in_channels * m;
    double z = p->weights.dw_bias ? get(d->dtype, p->weights.dw_bias, c) : 0;
    for (int64_t di = 0; di < d->kernel_h; di++)
        for (int64_t dj = 0; dj < d->kernel_w; dj++)
            z += input(p, b, i * d->stride_h + di * d->dilation_h - p->s.pad_top,
                       j * d->stride_w + dj * d->dilation_w - p->s.pad_left, q) *
                 get(d->dtype, p->weights.dw, (di * d->kernel_w + dj) * row + c % row);
    return activate(p, d->depthwise_activation, p->weights.dw_slopes, c, z);
}

static double product(const problem *p, int64_t b, int64_t i, int64_t j, int64_t k)
{
    const csep_conv_desc *d = &p->d;
    const void *w = p->weights.w;
    const int64_t groups = d->groups ? d->groups : 1, own = d->in_channels / groups;
    const int64_t first = k / (d->out_channels / groups) * own;
    double sum = 0;
    if (d->kind == CSEP_SEPARABLE) {
        for (int64_t c = 0; c < d->in_channels * d->channel_multiplier; c++)
            sum += depthwise(p, b, i, j, c) * get(d->dtype, p->weights.pw, c * d->out_channels + k);
        return sum;
    }
    for (int64_t di = 0; di < d->kernel_h; di++)
        for (int64_t dj = 0; dj < d->kernel_w; dj++)
            for (int64_t q = 0; q < own; q++)
                sum += input(p, b, i * d->stride_h + di * d->dilation_h - p->s.pad_top,
                             j * d->stride_w + dj * d->dilation_w - p->s.pad_left, first + q) *
                       get(d->dtype, w, ((di * d->kernel_w + dj) * own + q) * d->out_channels + k);
    return sum;
}

/* One output element before the activation, from the definition. */
static double sum_of(const problem *p, int64_t b, int64_t i, int64_t j, int64_t k)
{
    double sum = p->d.kind == CSEP_DEPTHWISE ? depthwise(p, b, i, j, k) : product(p, b, i, j, k);
    if (p->weights.bias)
        sum += get(p->d.dtype, p->weights.bias, k);
    if (p->residual)
        sum += get(p->s.dtype, p->residual,
                   place(p->s.layout, p->out_h, p->out_w, p->d.out_channels, b, i, j, k));
    return sum;
}

static csep_activation draw_activation(void)
{
    const csep_activation_kind kinds[] = {CSEP_LINEAR, CSEP_RELU6, CSEP_PRELU};
    return (csep_activation){kinds[draw(0, 2)], 0};
}

/* Sizes that have an output; returns whether these do. */
static int draw_sizes(problem *p)
{
    p->s.dtype = (csep_dtype)draw(CSEP_F32, CSEP_BF16);
    p->s.layout = (csep_layout)draw(CSEP_NHWC, CSEP_NCHW);
    csep_conv_desc *d = &p->d;
    *d = (csep_conv_desc){
        .kind = (csep_kind)draw(CSEP_SEPARABLE, CSEP_CONV),
        .dtype = p->s.dtype == CSEP_F64 ? CSEP_F64 : CSEP_F32,
        .in_channels = draw(1, 40),
        .channel_multiplier = 1,
        .out_channels = draw(1, 80),
        .kernel_h = draw(1, 7),
        .kernel_w = draw(1, 7),
        .stride_h = draw(0, 3) ? draw(1, 3) : draw(4, 9),
        .stride_w = draw(0, 3) ? draw(1, 3) : draw(4, 9),
        .dilation_h = draw(0, 2) ? 1 : draw(2, 3),
        .dilation_w = draw(0, 2) ? 1 : draw(2, 3),
        .activation = draw_activation(),
    };
    if (d->kind != CSEP_CONV) {
        d->channel_multiplier = draw(0, 2) ? 1 : draw(2, 9);
        d->shared_kernel = (int)draw(0, 1);
    }
    if (d->kind == CSEP_SEPARABLE)
        d->depthwise_activation = draw_activation();
    if (d->kind != CSEP_CONV && draw(0, 9) == 0) { /* pixels a power of two apart */
        d->in_channels = 64 << draw(1, 4);
        d->channel_multiplier = 1;
        d->out_channels = draw(1, 9);
    }
    if (d->kind == CSEP_CONV && draw(0, 1)) {
        d->groups = draw(1, 5);
        d->in_channels = d->groups * draw(1, 9);
        d->out_channels = d->groups * draw(1, 20);
    }
    if (d->kind == CSEP_DEPTHWISE)
        d->out_channels = d->in_channels * d->channel_multiplier;
    p->s.batch = draw(0, 3) ? draw(1, 2) : draw(3, 30);
    p->s.height = draw(1, p->s.batch > 2 ? 3 : 14);
    p->s.width = draw(1, 20);
    p->s.pad_top = draw(0, 4);
    p->s.pad_bottom = draw(0, 4);
    p->s.pad_left = draw(0, 9);
    p->s.pad_right = draw(0, 9);
    if (draw(0, 2) == 0)
        p->s.padding_mode = (csep_padding_mode)draw(CSEP_REFLECT, CSEP_CIRCULAR);
    return csep_output_size(d, &p->s, &p->out_h, &p->out_w) == CSEP_OK;
}

static void check_result(const problem *p, const void *y)
{
    /* Rounding to the dtype, and the sum itself. */
    const double own = p->s.dtype == CSEP_BF16 ? 0x1p-8 : p->s.dtype == CSEP_F16 ? 0x1p-11 : 0;
    const double of_largest = p->d.dtype == CSEP_F64 ? 1e-13 : 2e-5;
    double worst = 0, largest = 0;
    for (int64_t b = 0; b < p->s.batch; b++)
        for (int64_t i = 0; i < p->out_h; i++)
            for (int64_t j = 0; j < p->out_w; j++)
                for (int64_t k = 0; k < p->d.out_channels; k++) {
                    const double sum = sum_of(p, b, i, j, k);
                    const double exact = activate(p, p->d.activation, p->weights.slopes, k, sum);
                    const double got =
                        get(p->s.dtype, y,
                            place(p->s.layout, p->out_h, p->out_w, p->d.out_channels, b, i, j, k));
                    if (p->s.dtype == CSEP_F16 && fabs(exact) > 65000)
                        continue;
                    worst = isnan(got) ? INFINITY
                                       : fmax(worst, fabs(exact - got) - 1.01 * own * fabs(exact));
                    largest = fmax(largest, fabs(sum)); /* what rounding errors are a part of */
                }
    CHECK(worst <= of_largest * fmax(largest, 1e-3));
}

/* Returns whether the draw had an output. */
static int random_geometry(void)
{
    problem p = {.x = NULL};
    if (!draw_sizes(&p))
        return 0;
    const csep_conv_desc *d = &p.d;
    const csep_input *s = &p.s;
    const int64_t depth = d->in_channels * d->channel_multiplier;
    const int64_t taps = d->kernel_h * d->kernel_w;
    const int64_t outputs = s->batch * p.out_h * p.out_w * d->out_channels;
    const int64_t inputs = s->batch * s->height * s->width * d->in_channels;
    const int at_end = (int)draw(0, 1);
    guarded gx = guarded_array(s->dtype, inputs, at_end);
    guarded gy = guarded_array(s->dtype, outputs, at_end);
    guarded gr = guarded_array(s->dtype, outputs, at_end);
    fill(s->dtype, gx.data, inputs);
    fill(s->dtype, gr.data, outputs);
    p.x = gx.data;
    p.residual = draw(0, 1) ? gr.data : NULL;
    if (d->kind != CSEP_CONV)
        p.weights.dw =
            random_array(d->dtype, taps * (d->shared_kernel ? d->channel_multiplier : depth));
    if (d->kind == CSEP_SEPARABLE && draw(0, 1))
        p.weights.dw_bias = random_array(d->dtype, depth);
    if (d->kind == CSEP_SEPARABLE)
        p.weights.pw = random_array(d->dtype, depth * d->out_channels);
    if (d->kind == CSEP_CONV)
        p.weights.w = random_array(d->dtype, taps * d->in_channels / (d->groups ? d->groups : 1) *
                                                 d->out_channels);
    if (draw(0, 1))
        p.weights.bias = random_array(d->dtype, d->out_channels);
    if (d->activation.kind == CSEP_PRELU)
        p.weights.slopes = random_array(d->dtype, d->out_channels);
    if (d->depthwise_activation.kind == CSEP_PRELU)
        p.weights.dw_slopes = random_array(d->dtype, depth);
    const size_t bytes = (size_t)(outputs * bytes_of(s->dtype));
    void *y = gy.data, *again = malloc(bytes);
    memset(y, 0xff, bytes);

    csep_plan *plan;
    CHECK(csep_plan_create(&plan, d, &p.weights) == CSEP_OK);
    CHECK(csep_execute(plan, s, p.x, p.residual, y, 1) == CSEP_OK);
    CHECK(csep_execute(plan, s, p.x, p.residual, again, (int)draw(2, 5)) == CSEP_OK);
    CHECK(memcmp(y, again, bytes) == 0);
    memset(again, 0xff, bytes);
    CHECK(csep_convolve(d, s, &p.weights, p.x, p.residual, again, (int)draw(1, 3)) == CSEP_OK);
    CHECK(memcmp(y, again, bytes) == 0);
    csep_geometry g, same;
    CHECK(csep_resolve(d, s, &g) == CSEP_OK && csep_plan_resolve(plan, s, &same) == CSEP_OK);
    CHECK(memcmp(&g, &same, sizeof g) == 0 && g.out_h == p.out_h && g.out_w == p.out_w);
    memset(again, 0xff, bytes);
    CHECK(csep_execute_resolved(plan, &g, p.x, p.residual, again, (int)draw(1, 3)) == CSEP_OK);
    CHECK(memcmp(y, again, bytes) == 0);
    memset(again, 0xff, bytes);
    CHECK(csep_convolve_resolved(d, &g, &p.weights, p.x, p.residual, again, 2) == CSEP_OK);
    CHECK(memcmp(y, again, bytes) == 0);
    CHECK(csep_scratch_bytes(plan, s, 3) <= CSEP_MAX_SCRATCH_BYTES); /* these are small */
    check_result(&p, y);

    csep_plan_destroy(plan);
    munmap(gx.pages, gx.bytes);
    munmap(gy.pages, gy.bytes);
    munmap(gr.pages, gr.bytes);
    free((void *)p.weights.dw);
    free((void *)p.weights.dw_bias);
    free((void *)p.weights.pw);
    free((void *)p.weights.w);
    free((void *)p.weights.bias);
    free((void *)p.weights.slopes);
    free((void *)p.weights.dw_slopes);
    free(again);
    return 1;
}

/* Weights of every size class, whose last panel is whole or not: one call gives the bits of a plan,
 * and pw, which csep_convolve reads where it lies, is not read beside. */
static void one_call_is_a_plan_and_a_call(void)
{
    const int64_t sizes[][2] = {{64, 64}, {64, 61}, {200, 300}, {700, 512}, {700, 803}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const csep_conv_desc d = simple_layer(sizes[i][0], sizes[i][1]);
        csep_input s = {.batch = 1, .height = 6, .width = 7};
        CHECK(csep_same_padding(&d, &s) == CSEP_OK);
        CHECK(s.pad_top == 1 && s.pad_bottom == 1 && s.pad_left == 1 && s.pad_right == 1);
        const size_t bytes = (size_t)(6 * 7 * d.out_channels) * sizeof(float);
        void *x = random_array(CSEP_F32, 6 * 7 * d.in_channels);
        void *dw = random_array(CSEP_F32, 9 * d.in_channels);
        guarded pw = guarded_array(CSEP_F32, d.in_channels * d.out_channels, 1);
        fill(CSEP_F32, pw.data, d.in_channels * d.out_channels);
        void *y = malloc(bytes), *again = malloc(bytes);
        csep_plan *plan;
        const csep_weights weights = {.dw = dw, .pw = pw.data}, no_pw = {.dw = dw};
        CHECK(csep_plan_create(&plan, &d, &weights) == CSEP_OK);
        CHECK(csep_execute(plan, &s, x, NULL, y, 1) == CSEP_OK);
        for (int threads = 1; threads < 4; threads++) {
            CHECK(csep_convolve(&d, &s, &weights, x, NULL, again, threads) == CSEP_OK);
            CHECK(memcmp(y, again, bytes) == 0);
        }
        CHECK(csep_convolve(&d, &s, &weights, NULL, NULL, again, 1) == CSEP_BAD_ARGUMENT);
        CHECK(csep_convolve(&d, &s, &no_pw, x, NULL, again, 1) == CSEP_BAD_ARGUMENT);
        csep_plan_destroy(plan);
        munmap(pw.pages, pw.bytes);
        free(x);
        free(dw);
        free(y);
        free(again);
    }
}

/* SAME as a word is SAME in pixels; a plan that meets more shapes and thread counts than it keeps
 * schedules of gives the same bits each time. */
static void many_shapes(void)
{
    enum { C = 5, CO = 6, MOST = 12, ROUNDS = 3 };
    csep_conv_desc d = simple_layer(C, CO);
    d.stride_h = 2;
    float *x = random_array(CSEP_F32, MOST * MOST * C), *dw = random_array(CSEP_F32, 9 * C);
    float *pw = random_array(CSEP_F32, C * CO), y[MOST * MOST * CO], expected[MOST * MOST * CO];
    const csep_weights weights = {.dw = dw, .pw = pw};
    csep_plan *plan;
    CHECK(csep_plan_create(&plan, &d, &weights) == CSEP_OK);
    for (int i = 0; i < ROUNDS * MOST; i++) {
        csep_input word = {.batch = 1, .height = 1 + i % MOST, .width = 1 + i * 5 % MOST};
        csep_input pixels = word;
        csep_geometry g, same;
        word.padding = CSEP_SAME;
        word.pad_top = -3; /* not read */
        CHECK(csep_same_padding(&d, &pixels) == CSEP_OK);
        CHECK(csep_resolve(&d, &word, &g) == CSEP_OK);
        CHECK(csep_resolve(&d, &pixels, &same) == CSEP_OK);
        CHECK(memcmp(&g, &same, sizeof g) == 0);
        CHECK(g.out_h == (word.height + 1) / 2 && g.out_w == word.width);
        csep_input lower = word;
        lower.padding = CSEP_SAME_LOWER;
        CHECK(csep_resolve(&d, &lower, &same) == CSEP_OK);
        CHECK(same.input.pad_top == g.input.pad_bottom && same.input.pad_bottom == g.input.pad_top);
        CHECK(same.input.pad_left == g.input.pad_right && same.out_h == g.out_h);
        const size_t bytes = (size_t)(g.out_h * g.out_w * CO) * sizeof(float);
        CHECK(csep_convolve(&d, &pixels, &weights, x, NULL, expected, 1) == CSEP_OK);
        for (int threads = 1; threads < 4; threads++) {
            memset(y, 0xff, bytes);
            CHECK(csep_execute(plan, &word, x, NULL, y, threads) == CSEP_OK);
            CHECK(memcmp(y, expected, bytes) == 0);
        }
    }
    csep_plan_destroy(plan);
    free(x);
    free(dw);
    free(pw);
}

/* How much of each side a mode can put around an image. */
static void widest_borders(void)
{
    csep_conv_desc d = simple_layer(1, 1);
    d.kind = CSEP_DEPTHWISE;
    const csep_padding_mode modes[] = {CSEP_REFLECT, CSEP_CIRCULAR, CSEP_REPLICATE};
    const int64_t most[] = {4, 5, 1000};
    csep_geometry g;
    for (int i = 0; i < 3; i++)
        for (int side = 0; side < 4; side++) {
            csep_input in = {.batch = 1, .height = 5, .width = 5, .padding_mode = modes[i]};
            int64_t *const pads[] = {&in.pad_top, &in.pad_bottom, &in.pad_left, &in.pad_right};
            *pads[side] = most[i];
            CHECK(csep_resolve(&d, &in, &g) == CSEP_OK);
            CHECK(g.rows.size == 5 && g.input.height == (side < 2 ? 5 + most[i] : 5));
            *pads[side] = most[i] + 1;
            CHECK((csep_resolve(&d, &in, &g) == CSEP_OK) == (modes[i] == CSEP_REPLICATE));
            in.height = in.width = 0; /* there is nothing to repeat */
            CHECK(csep_resolve(&d, &in, &g) == CSEP_BAD_SHAPE);
            in.height = in.width = INT64_MAX;
            CHECK(csep_resolve(&d, &in, &g) == CSEP_BAD_SHAPE);
        }
}

/* A slope beyond float's range, an output that is 0. */
static void endless_slope(void)
{
    csep_conv_desc d = simple_layer(1, 1);
    d.kind = CSEP_DEPTHWISE;
    d.kernel_h = d.kernel_w = 1;
    d.activation = (csep_activation){CSEP_LEAKY_RELU, 1e300};
    const float x[4] = {0, -0.0f, 3, -1}, one = 1;
    const csep_weights weights = {.dw = &one};
    const csep_input in = {.batch = 1, .height = 1, .width = 4};
    float y[4];
    CHECK(csep_convolve(&d, &in, &weights, x, NULL, y, 1) == CSEP_OK);
    CHECK(y[0] == 0 && y[1] == 0 && y[2] == 3 && y[3] == -INFINITY);
}

/* A row of 32 GiB, of which a few elements are read: no step between its rows overflows. */
static void endless_row(void)
{
    const int64_t width = INT64_C(1) << 33;
    float *x = mmap(NULL, (size_t)width * sizeof(float), PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (x == MAP_FAILED) {
        printf("no address space for a row of 32 GiB: left out\n");
        return;
    }
    csep_conv_desc d = simple_layer(1, 1);
    d.kind = CSEP_DEPTHWISE;
    d.kernel_h = d.kernel_w = 1;
    d.dilation_h = d.stride_w = CSEP_MAX_STEP;
    x[CSEP_MAX_STEP] = 5;
    const float two = 2;
    const csep_weights weights = {.dw = &two};
    const csep_input in = {.batch = 1, .height = 1, .width = width};
    float y[5] = {0};
    CHECK(csep_convolve(&d, &in, &weights, x, NULL, y, 1) == CSEP_OK);
    CHECK(y[0] == 0 && y[1] == 10 && y[4] == 0);
    munmap(x, (size_t)width * sizeof(float));
}

/* What the header promises of scratch, for plans of one call and for kept ones, with depths around
 * those that fill it. */
static void scratch_of_large_depths(void)
{
    for (int i = 0; i < 3000; i++) {
        csep_conv_desc d = simple_layer(draw(100, 3000), draw(1, 3000));
        d.kind = draw(0, 1) ? CSEP_CONV : CSEP_SEPARABLE;
        d.kernel_h = d.kernel_w = draw(1, 3);
        d.dtype = draw(0, 3) ? CSEP_F32 : CSEP_F64;
        const csep_input in = {.dtype = d.dtype == CSEP_F64 ? CSEP_F64
                                                            : (csep_dtype[]){0, 2, 3}[draw(0, 2)],
                               .layout = (csep_layout)draw(0, 1),
                               .padding = CSEP_SAME,
                               .batch = draw(1, 3),
                               .height = draw(1, 40),
                               .width = draw(1, 200)};
        csep_geometry g;
        CHECK(csep_resolve(&d, &in, &g) == CSEP_OK);
        const csep_product_form forms[] = {CSEP_PACKED, CSEP_PACKED_IN_PRODUCT};
        const csep_kernels *kernels = csep_active_kernels(d.dtype);
        const csep_plan plan = {.desc = d,
                                .kernels = kernels,
                                .form = forms[draw(0, 1)],
                                .depth = csep_depth(&d),
                                .groups = 1,
                                .group_columns = d.out_channels,
                                .panel_vectors = kernels->panel_vectors};
        csep_schedule s;
        csep_make_schedule(&plan, &g, (int)draw(1, 5), &s);
        CHECK(s.input_converted || s.scratch_bytes <= CSEP_MAX_SCRATCH_BYTES);
        CHECK(s.depth_chunk >= kernels->vl && s.depth_chunk % kernels->vl == 0);
        CHECK(plan.form == CSEP_PACKED || (s.rows_packed > 0 && s.rows_packed % kernels->vl == 0));
    }
}

/* A large undilated kernel over many channels is no reason to convert the input as a whole. */
static void many_channels_are_converted_by_tiles(void)
{
    const csep_conv_desc d = {.kind = CSEP_CONV,
                              .in_channels = 1024,
                              .channel_multiplier = 1,
                              .out_channels = 64,
                              .kernel_h = 7,
                              .kernel_w = 7,
                              .stride_h = 2,
                              .stride_w = 2,
                              .dilation_h = 1,
                              .dilation_w = 1};
    const csep_kernels *kernels = csep_active_kernels(d.dtype);
    const csep_plan plan = {.desc = d,
                            .kernels = kernels,
                            .form = CSEP_PACKED,
                            .depth = csep_depth(&d),
                            .groups = 1,
                            .group_columns = d.out_channels,
                            .panel_vectors = kernels->panel_vectors};
    for (int layout = CSEP_NHWC; layout <= CSEP_NCHW; layout++) {
        const csep_input in = {.dtype = CSEP_F16,
                               .layout = (csep_layout)layout,
                               .batch = 1,
                               .height = 300,
                               .width = 300};
        csep_geometry g;
        csep_schedule s;
        CHECK(csep_resolve(&d, &in, &g) == CSEP_OK);
        csep_make_schedule(&plan, &g, 2, &s);
        CHECK(!s.input_converted && s.scratch_bytes <= CSEP_MAX_SCRATCH_BYTES);
    }
}

static void bad_descriptors(void)
{
    const csep_conv_desc good = simple_layer(2, 3);
    const float w[64] = {0};
    const csep_weights weights = {.dw = w, .pw = w}, no_dw = {.pw = w}, no_pw = {.dw = w, .w = w};
    csep_plan *plan;
    CHECK(csep_plan_create(NULL, &good, &weights) == CSEP_BAD_ARGUMENT);
    CHECK(csep_plan_create(&plan, NULL, &weights) == CSEP_BAD_ARGUMENT);
    CHECK(csep_plan_create(&plan, &good, NULL) == CSEP_BAD_ARGUMENT);
    CHECK(csep_plan_create(&plan, &good, &no_dw) == CSEP_BAD_ARGUMENT);
    CHECK(csep_plan_create(&plan, &good, &no_pw) == CSEP_BAD_ARGUMENT);

    csep_conv_desc bad = good;
    for (int between = 0; between < 2; between++) { /* no slopes */
        bad = good;
        *(between ? &bad.depthwise_activation : &bad.activation) = (csep_activation){CSEP_PRELU, 0};
        CHECK(csep_plan_create(&plan, &bad, &weights) == CSEP_BAD_ARGUMENT);
    }
    int64_t *const sizes[] = {&bad.in_channels, &bad.channel_multiplier, &bad.out_channels,
                              &bad.kernel_h,    &bad.kernel_w,           &bad.stride_h,
                              &bad.stride_w,    &bad.dilation_h,         &bad.dilation_w};
    const int64_t wrong[] = {0, -1, INT64_MIN, CSEP_MAX_STEP + 1, INT64_MAX};
    for (size_t field = 0; field < sizeof sizes / sizeof *sizes; field++)
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            bad = good;
            *sizes[field] = wrong[i];
            CHECK(csep_plan_create(&plan, &bad, &weights) == CSEP_BAD_ARGUMENT);
            CHECK(plan == NULL);
        }
    for (int i = 0; i < 8; i++) {
        bad = good;
        if (i == 0)
            bad.kind = (csep_kind)3;
        if (i == 1)
            bad.dtype = CSEP_F16;
        if (i == 2)
            bad.activation.kind = (csep_activation_kind)99;
        if (i == 3)
            bad.depthwise_activation.kind = (csep_activation_kind)-1;
        if (i == 4)
            bad.kind = CSEP_DEPTHWISE; /* out_channels is not in_channels */
        if (i == 5)
            bad.groups = 2; /* not an ordinary convolution */
        if (i > 5) {
            bad.kind = CSEP_CONV;
            bad.groups = i == 6 ? 2 : -1; /* does not divide 3 outputs; is none */
        }
        CHECK(csep_plan_create(&plan, &bad, &weights) == CSEP_BAD_ARGUMENT);
    }
    const int64_t most = CSEP_MAX_STEP;
    csep_conv_desc overflow = simple_layer(most, most);
    overflow.channel_multiplier = overflow.kernel_h = overflow.kernel_w = most;
    CHECK(csep_plan_create(&plan, &overflow, &weights) == CSEP_BAD_SHAPE);
    csep_input shape = {.batch = 1, .height = 5, .width = 5};
    int64_t out_h, out_w;
    CHECK(csep_output_size(&overflow, &shape, &out_h, &out_w) == CSEP_BAD_SHAPE);
    CHECK(csep_same_padding(&overflow, &shape) == CSEP_BAD_SHAPE);
    csep_geometry geometry;
    CHECK(csep_resolve(NULL, &shape, &geometry) == CSEP_BAD_ARGUMENT);
    CHECK(csep_resolve(&good, NULL, &geometry) == CSEP_BAD_ARGUMENT);
    CHECK(csep_resolve(&good, &shape, NULL) == CSEP_BAD_ARGUMENT);
    shape.padding = (csep_padding)3;
    CHECK(csep_resolve(&good, &shape, &geometry) == CSEP_BAD_ARGUMENT);
    shape.padding = CSEP_SAME;
    shape.padding_mode = (csep_padding_mode)4;
    CHECK(csep_resolve(&good, &shape, &geometry) == CSEP_BAD_ARGUMENT);
    /* Many channels are no product of many. */
    csep_conv_desc wide = simple_layer(most, most);
    wide.kind = CSEP_DEPTHWISE;
    shape = (csep_input){.batch = 1, .height = 3, .width = 3};
    CHECK(csep_resolve(&wide, &shape, &geometry) == CSEP_OK);
}

static void bad_shapes(void)
{
    const csep_conv_desc good = simple_layer(2, 3);
    const csep_input shape = {.batch = 1, .height = 5, .width = 5};
    const float w[64] = {0};
    const csep_weights weights = {.dw = w, .pw = w};
    float y[27];
    csep_plan *plan;
    int64_t out_h, out_w;

    CHECK(csep_plan_create(&plan, &good, &weights) == CSEP_OK);
    CHECK(csep_plan_bytes(plan) > 0);
    CHECK(csep_execute(NULL, &shape, w, NULL, y, 1) == CSEP_BAD_ARGUMENT);
    CHECK(csep_execute(plan, NULL, w, NULL, y, 1) == CSEP_BAD_ARGUMENT);
    CHECK(csep_execute(plan, &shape, NULL, NULL, y, 1) == CSEP_BAD_ARGUMENT);
    CHECK(csep_execute(plan, &shape, w, NULL, NULL, 1) == CSEP_BAD_ARGUMENT);
    CHECK(csep_execute(plan, &shape, w, NULL, y, 0) == CSEP_BAD_ARGUMENT);
    CHECK(csep_execute_resolved(plan, NULL, w, NULL, y, 1) == CSEP_BAD_ARGUMENT);
    CHECK(csep_convolve_resolved(&good, NULL, &weights, w, NULL, y, 1) == CSEP_BAD_ARGUMENT);
    CHECK(csep_plan_resolve(NULL, &shape, &(csep_geometry){.out_h = 0}) == CSEP_BAD_ARGUMENT);
    csep_input bad = shape;
    int64_t *const sizes[] = {&bad.batch,      &bad.height,   &bad.width,    &bad.pad_top,
                              &bad.pad_bottom, &bad.pad_left, &bad.pad_right};
    for (size_t field = 0; field < sizeof sizes / sizeof *sizes; field++) {
        const int64_t extreme[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX / 2};
        for (size_t i = 0; i < sizeof extreme / sizeof *extreme; i++) {
            bad = shape;
            *sizes[field] = extreme[i];
            CHECK(csep_output_size(&good, &bad, &out_h, &out_w) != CSEP_OK);
            CHECK(csep_execute(plan, &bad, w, NULL, y, 1) != CSEP_OK);
            CHECK(csep_scratch_bytes(plan, &bad, 1) == 0);
        }
    }
    csep_conv_desc far = good;
    far.kernel_h = far.kernel_w = far.dilation_h = far.dilation_w = CSEP_MAX_STEP;
    far.in_channels = far.out_channels = 1;
    bad = shape;
    bad.height = bad.width = INT64_MAX;
    (void)csep_same_padding(&far, &bad); /* nothing overflows on the way */
    CHECK(csep_output_size(&far, &bad, &out_h, &out_w) != CSEP_OK);
    bad = shape;
    bad.dtype = CSEP_F64; /* the plan's weights are not */
    CHECK(csep_execute(plan, &bad, w, NULL, y, 1) == CSEP_BAD_ARGUMENT);
    bad = shape;
    bad.layout = (csep_layout)2;
    CHECK(csep_execute(plan, &bad, w, NULL, y, 1) == CSEP_BAD_ARGUMENT);
    bad = shape;
    bad.height = 2;
    out_h = out_w = -7;
    CHECK(csep_output_size(&good, &bad, &out_h, &out_w) == CSEP_BAD_SHAPE);
    CHECK(out_h == -7 && out_w == -7);
    CHECK(csep_execute(plan, &bad, w, NULL, y, 1) == CSEP_BAD_SHAPE);
    bad = shape;
    bad.batch = 0;
    CHECK(csep_execute(plan, &bad, NULL, NULL, NULL, 1) == CSEP_OK);
    csep_plan_destroy(plan);
    csep_plan_destroy(NULL);

    for (int status = CSEP_OK; status <= CSEP_BAD_SPIN + 1; status++)
        CHECK(strlen(csep_status_string((csep_status)status)) > 0);
}

int main(int argc, char **argv)
{
    const int geometries = argc > 1 ? atoi(argv[1]) : 500;
    if (!init_or_tell())
        return 2;
    bad_descriptors();
    bad_shapes();
    one_call_is_a_plan_and_a_call();
    many_shapes();
    scratch_of_large_depths();
    many_channels_are_converted_by_tiles();
    widest_borders();
    endless_slope();
    endless_row();
    for (int i = 0; i < geometries;)
        i += random_geometry();
    printf("%s: %d geometries, %d failures\n", csep_isa(), geometries, failures);
    return failures != 0;
}
