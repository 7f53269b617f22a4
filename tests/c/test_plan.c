/* The plan API without Python: random geometries against the formula in double, bad arguments.
 * x and y lie against pages that must not be touched: a sanitizer does not look into the
 * intrinsics, the processor does.
 *
 *     test_plan [geometries]
 */
#define _DEFAULT_SOURCE
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "csep.h"
#include "testing.h"

static int failures;

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            printf("FAILED line %d: %s\n", __LINE__, #condition);                                  \
            failures++;                                                                            \
        }                                                                                          \
    } while (0)

static uint64_t state = 88172645463325252u;

/* xorshift64 */
static int64_t draw(int64_t low, int64_t high)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return low + (int64_t)(state % (uint64_t)(high - low + 1));
}

/* Multiples of 1 / 8 below 8: every dtype holds them exactly. */
static double small_number(void) { return (double)draw(-63, 63) / 8.0; }

static uint16_t narrow(csep_dtype dtype, double exact)
{
    const float f = (float)exact;
    uint32_t bits;
    memcpy(&bits, &f, sizeof bits);
    if (dtype == CSEP_BF16)
        return (uint16_t)(bits >> 16);
    const uint32_t sign = bits >> 16 & 0x8000, magnitude = bits & 0x7fffffff;
    return (uint16_t)(sign | (magnitude ? (magnitude - ((127u - 15u) << 23)) >> 13 : 0));
}

static double widen(csep_dtype dtype, uint16_t half)
{
    if (dtype == CSEP_BF16) {
        const uint32_t bits = (uint32_t)half << 16;
        float f;
        memcpy(&f, &bits, sizeof f);
        return f;
    }
    const double sign = half & 0x8000 ? -1.0 : 1.0;
    const int exponent = half >> 10 & 31, rest = half & 1023;
    if (exponent == 31)
        return rest ? NAN : sign * INFINITY;
    return sign * (exponent ? ldexp(1024 + rest, exponent - 25) : ldexp(rest, -24));
}

static void put(csep_dtype dtype, void *array, int64_t i, double value)
{
    if (dtype == CSEP_F64)
        ((double *)array)[i] = value;
    else if (dtype == CSEP_F32)
        ((float *)array)[i] = (float)value;
    else
        ((uint16_t *)array)[i] = narrow(dtype, value);
}

static double get(csep_dtype dtype, const void *array, int64_t i)
{
    if (dtype == CSEP_F64)
        return ((const double *)array)[i];
    if (dtype == CSEP_F32)
        return ((const float *)array)[i];
    return widen(dtype, ((const uint16_t *)array)[i]);
}

static void fill(csep_dtype dtype, void *array, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        put(dtype, array, i, small_number());
}

static void *random_array(csep_dtype dtype, int64_t count)
{
    void *a = malloc((size_t)(count * bytes_of(dtype)));
    fill(dtype, a, count);
    return a;
}

/* Memory between two forbidden pages, touching the first (at_end == 0) or the second. */
typedef struct guarded {
    char *pages;
    size_t bytes;
    void *data;
} guarded;

static guarded guarded_array(csep_dtype dtype, int64_t count, int at_end)
{
    enum { PAGE = 4096 };
    const size_t wanted = (size_t)(count * bytes_of(dtype));
    const size_t inside = (wanted + PAGE - 1) / PAGE * PAGE;
    guarded g = {.bytes = inside + 2 * PAGE};
    g.pages = mmap(NULL, g.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.pages == MAP_FAILED || mprotect(g.pages + PAGE, inside, PROT_READ | PROT_WRITE) != 0)
        abort();
    g.data = g.pages + PAGE + (at_end ? inside - wanted : 0);
    return g;
}

/* A call and its arrays. */
typedef struct problem {
    csep_conv_desc d;
    csep_shape s;
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

static double input(const problem *p, int64_t b, int64_t i, int64_t j, int64_t q)
{
    const csep_shape *s = &p->s;
    if (i < 0 || i >= s->height || j < 0 || j >= s->width)
        return 0;
    return get(s->dtype, p->x, place(s->layout, s->height, s->width, p->d.in_channels, b, i, j, q));
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
    return d->depthwise_activation.function == CSEP_RELU6 ? fmin(fmax(z, 0), 6) : z;
}

static double product(const problem *p, int64_t b, int64_t i, int64_t j, int64_t k)
{
    const csep_conv_desc *d = &p->d;
    double sum = 0;
    if (d->kind == CSEP_SEPARABLE) {
        for (int64_t c = 0; c < d->in_channels * d->channel_multiplier; c++)
            sum += depthwise(p, b, i, j, c) * get(d->dtype, p->weights.pw, c * d->out_channels + k);
        return sum;
    }
    for (int64_t di = 0; di < d->kernel_h; di++)
        for (int64_t dj = 0; dj < d->kernel_w; dj++)
            for (int64_t q = 0; q < d->in_channels; q++)
                sum += input(p, b, i * d->stride_h + di * d->dilation_h - p->s.pad_top,
                             j * d->stride_w + dj * d->dilation_w - p->s.pad_left, q) *
                       get(d->dtype, p->weights.pw,
                           ((di * d->kernel_w + dj) * d->in_channels + q) * d->out_channels + k);
    return sum;
}

/* One output element, from the definition. */
static double element(const problem *p, int64_t b, int64_t i, int64_t j, int64_t k)
{
    double sum = p->d.kind == CSEP_DEPTHWISE ? depthwise(p, b, i, j, k) : product(p, b, i, j, k);
    if (p->weights.bias)
        sum += get(p->d.dtype, p->weights.bias, k);
    if (p->residual)
        sum += get(p->s.dtype, p->residual,
                   place(p->s.layout, p->out_h, p->out_w, p->d.out_channels, b, i, j, k));
    return p->d.activation.function == CSEP_RELU6 ? fmin(fmax(sum, 0), 6) : sum;
}

static csep_activation draw_activation(void)
{
    return (csep_activation){draw(0, 1) ? CSEP_RELU6 : CSEP_LINEAR, 0};
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
        .stride_h = draw(1, 3),
        .stride_w = draw(1, 3),
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
    if (d->kind == CSEP_DEPTHWISE)
        d->out_channels = d->in_channels * d->channel_multiplier;
    p->s.batch = draw(1, 2);
    p->s.height = draw(1, 14);
    p->s.width = draw(1, 20);
    p->s.pad_top = draw(0, 4);
    p->s.pad_bottom = draw(0, 4);
    p->s.pad_left = draw(0, 9);
    p->s.pad_right = draw(0, 9);
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
                    const double exact = element(p, b, i, j, k);
                    const double got =
                        get(p->s.dtype, y,
                            place(p->s.layout, p->out_h, p->out_w, p->d.out_channels, b, i, j, k));
                    if (p->s.dtype == CSEP_F16 && fabs(exact) > 65000)
                        continue;
                    worst = isnan(got) ? INFINITY
                                       : fmax(worst, fabs(exact - got) - 1.01 * own * fabs(exact));
                    largest = fmax(largest, fabs(exact));
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
    const csep_shape *s = &p.s;
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
    if (d->kind != CSEP_DEPTHWISE)
        p.weights.pw = random_array(
            d->dtype, (d->kind == CSEP_CONV ? taps * d->in_channels : depth) * d->out_channels);
    if (draw(0, 1))
        p.weights.bias = random_array(d->dtype, d->out_channels);
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
    CHECK(csep_scratch_bytes(plan, s, 3) <= CSEP_MAX_SCRATCH_BYTES);
    check_result(&p, y);

    csep_plan_destroy(plan);
    munmap(gx.pages, gx.bytes);
    munmap(gy.pages, gy.bytes);
    munmap(gr.pages, gr.bytes);
    free((void *)p.weights.dw);
    free((void *)p.weights.dw_bias);
    free((void *)p.weights.pw);
    free((void *)p.weights.bias);
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
        csep_shape s = {.batch = 1, .height = 6, .width = 7};
        CHECK(csep_same_padding(&d, &s) == CSEP_OK);
        CHECK(s.pad_top == 1 && s.pad_bottom == 1 && s.pad_left == 1 && s.pad_right == 1);
        const size_t bytes = (size_t)(6 * 7 * d.out_channels) * sizeof(float);
        void *x = random_array(CSEP_F32, 6 * 7 * d.in_channels);
        void *dw = random_array(CSEP_F32, 9 * d.in_channels);
        guarded pw = guarded_array(CSEP_F32, d.in_channels * d.out_channels, 1);
        fill(CSEP_F32, pw.data, d.in_channels * d.out_channels);
        void *y = malloc(bytes), *again = malloc(bytes);
        csep_plan *plan;
        const csep_weights weights = {dw, NULL, pw.data, NULL}, no_pw = {dw, NULL, NULL, NULL};
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

static void bad_descriptors(void)
{
    const csep_conv_desc good = simple_layer(2, 3);
    const float w[64] = {0};
    const csep_weights weights = {w, NULL, w, NULL}, no_dw = {NULL, NULL, w, NULL},
                       no_pw = {w, NULL, NULL, NULL};
    csep_plan *plan;
    CHECK(csep_plan_create(NULL, &good, &weights) == CSEP_BAD_ARGUMENT);
    CHECK(csep_plan_create(&plan, NULL, &weights) == CSEP_BAD_ARGUMENT);
    CHECK(csep_plan_create(&plan, &good, NULL) == CSEP_BAD_ARGUMENT);
    CHECK(csep_plan_create(&plan, &good, &no_dw) == CSEP_BAD_ARGUMENT);
    CHECK(csep_plan_create(&plan, &good, &no_pw) == CSEP_BAD_ARGUMENT);

    csep_conv_desc bad = good;
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
    for (int i = 0; i < 5; i++) {
        bad = good;
        if (i == 0)
            bad.kind = (csep_kind)3;
        if (i == 1)
            bad.dtype = CSEP_F16;
        if (i == 2)
            bad.activation.function = (csep_function)99;
        if (i == 3)
            bad.depthwise_activation.function = (csep_function)-1;
        if (i == 4)
            bad.kind = CSEP_DEPTHWISE; /* out_channels is not in_channels */
        CHECK(csep_plan_create(&plan, &bad, &weights) == CSEP_BAD_ARGUMENT);
    }
    const int64_t most = CSEP_MAX_STEP;
    csep_conv_desc overflow = simple_layer(most, most);
    overflow.channel_multiplier = overflow.kernel_h = overflow.kernel_w = most;
    CHECK(csep_plan_create(&plan, &overflow, &weights) == CSEP_BAD_SHAPE);
    csep_shape shape = {.batch = 1, .height = 5, .width = 5};
    int64_t out_h, out_w;
    CHECK(csep_output_size(&overflow, &shape, &out_h, &out_w) == CSEP_BAD_SHAPE);
    CHECK(csep_same_padding(&overflow, &shape) == CSEP_BAD_SHAPE);
}

static void bad_shapes(void)
{
    const csep_conv_desc good = simple_layer(2, 3);
    const csep_shape shape = {.batch = 1, .height = 5, .width = 5};
    const float w[64] = {0};
    const csep_weights weights = {w, NULL, w, NULL};
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
    csep_shape bad = shape;
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

    for (int status = CSEP_OK; status <= CSEP_BAD_ISA + 1; status++)
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
    for (int i = 0; i < geometries;)
        i += random_geometry();
    printf("%s: %d geometries, %d failures\n", csep_isa(), geometries, failures);
    return failures != 0;
}
