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

static void fill(float *a, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        a[i] = (float)draw(-1000, 1000) / 500.0f;
}

static float *random_floats(int64_t count)
{
    float *a = malloc((size_t)count * sizeof *a);
    fill(a, count);
    return a;
}

/* Memory between two forbidden pages, touching the first (at_end == 0) or the second. */
typedef struct guarded {
    char *pages;
    size_t bytes;
    float *data;
} guarded;

static guarded guarded_floats(int64_t count, int at_end)
{
    enum { PAGE = 4096 };
    const size_t inside = ((size_t)count * sizeof(float) + PAGE - 1) / PAGE * PAGE;
    guarded g = {.bytes = inside + 2 * PAGE};
    g.pages = mmap(NULL, g.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g.pages == MAP_FAILED || mprotect(g.pages + PAGE, inside, PROT_READ | PROT_WRITE) != 0)
        abort();
    char *end = g.pages + PAGE + inside;
    g.data = at_end ? (float *)end - count : (float *)(g.pages + PAGE);
    return g;
}

/* The sum for one output element, from the definition. */
static double element(const csep_conv_desc *d, const csep_shape *s, const float *x, const float *dw,
                      const float *pw, const float *bias, int64_t b, int64_t i, int64_t j,
                      int64_t k)
{
    double sum = bias ? bias[k] : 0.0;
    for (int64_t q = 0; q < d->in_channels; q++)
        for (int64_t r = 0; r < d->channel_multiplier; r++) {
            const int64_t c = q * d->channel_multiplier + r;
            double z = 0;
            for (int64_t di = 0; di < d->kernel_h; di++)
                for (int64_t dj = 0; dj < d->kernel_w; dj++) {
                    const int64_t h = i * d->stride_h + di * d->dilation_h - s->pad_top;
                    const int64_t w = j * d->stride_w + dj * d->dilation_w - s->pad_left;
                    if (h < 0 || h >= s->height || w < 0 || w >= s->width)
                        continue;
                    const int64_t tap = (di * d->kernel_w + dj) * d->in_channels;
                    z += (double)x[((b * s->height + h) * s->width + w) * d->in_channels + q] *
                         dw[(tap + q) * d->channel_multiplier + r];
                }
            sum += z * pw[c * d->out_channels + k];
        }
    return sum;
}

/* Returns whether the draw had an output. */
static int random_geometry(void)
{
    const csep_conv_desc d = {
        .in_channels = draw(1, 40),
        .channel_multiplier = draw(0, 2) ? 1 : draw(2, 9),
        .out_channels = draw(1, 80),
        .kernel_h = draw(1, 7),
        .kernel_w = draw(1, 7),
        .stride_h = draw(1, 3),
        .stride_w = draw(1, 3),
        .dilation_h = draw(0, 2) ? 1 : draw(2, 3),
        .dilation_w = draw(0, 2) ? 1 : draw(2, 3),
    };
    const csep_shape s = {
        .batch = draw(1, 2),
        .height = draw(1, 14),
        .width = draw(1, 20),
        .pad_top = draw(0, 4),
        .pad_bottom = draw(0, 4),
        .pad_left = draw(0, 9),
        .pad_right = draw(0, 9),
    };
    int64_t h, w;
    if (csep_output_size(&d, &s, &h, &w) != CSEP_OK)
        return 0;

    const int64_t depth = d.in_channels * d.channel_multiplier;
    const int64_t outputs = s.batch * h * w * d.out_channels;
    const int64_t inputs = s.batch * s.height * s.width * d.in_channels;
    const int at_end = (int)draw(0, 1);
    guarded gx = guarded_floats(inputs, at_end), gy = guarded_floats(outputs, at_end);
    float *x = gx.data, *y = gy.data;
    fill(x, inputs);
    float *dw = random_floats(d.kernel_h * d.kernel_w * depth);
    float *pw = random_floats(depth * d.out_channels);
    float *bias = draw(0, 1) ? random_floats(d.out_channels) : NULL;
    float *again = malloc((size_t)outputs * sizeof *y);
    memset(y, 0xff, (size_t)outputs * sizeof *y);

    csep_plan *plan;
    CHECK(csep_plan_create(&plan, &d, dw, pw, bias) == CSEP_OK);
    CHECK(csep_execute(plan, &s, x, y, 1) == CSEP_OK);
    CHECK(csep_execute(plan, &s, x, again, (int)draw(2, 5)) == CSEP_OK);
    CHECK(memcmp(y, again, (size_t)outputs * sizeof *y) == 0);
    memset(again, 0xff, (size_t)outputs * sizeof *y);
    CHECK(csep_convolve(&d, &s, dw, pw, bias, x, again, (int)draw(1, 3)) == CSEP_OK);
    CHECK(memcmp(y, again, (size_t)outputs * sizeof *y) == 0);
    CHECK(csep_scratch_bytes(plan, &s, 3) <= CSEP_MAX_SCRATCH_BYTES);

    double worst = 0, largest = 0;
    for (int64_t n = 0; n < outputs; n++) {
        const int64_t pixel = n / d.out_channels;
        const double exact = element(&d, &s, x, dw, pw, bias, pixel / (h * w), pixel / w % h,
                                     pixel % w, n % d.out_channels);
        worst = fmax(worst, fabs(exact - y[n]));
        largest = fmax(largest, fabs(exact));
        if (isnan(y[n]))
            worst = INFINITY;
    }
    CHECK(worst <= 2e-5 * largest);

    csep_plan_destroy(plan);
    munmap(gx.pages, gx.bytes);
    munmap(gy.pages, gy.bytes);
    free(dw);
    free(pw);
    free(bias);
    free(again);
    return 1;
}

/* Weights of every size class, whose last panel is whole or not: one call gives the bits of a plan,
 * and pw, which csep_convolve reads where it lies, is not read beside. */
static void one_call_is_a_plan_and_a_call(void)
{
    const int64_t sizes[][2] = {{64, 64}, {64, 61}, {200, 300}, {700, 512}, {700, 803}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const csep_conv_desc d = {sizes[i][0], 1, sizes[i][1], 3, 3, 1, 1, 1, 1};
        csep_shape s = {1, 6, 7, 0, 0, 0, 0};
        CHECK(csep_same_padding(&d, &s) == CSEP_OK);
        CHECK(s.pad_top == 1 && s.pad_bottom == 1 && s.pad_left == 1 && s.pad_right == 1);
        const int64_t outputs = 6 * 7 * d.out_channels;
        float *x = random_floats(6 * 7 * d.in_channels);
        float *dw = random_floats(9 * d.in_channels);
        guarded pw = guarded_floats(d.in_channels * d.out_channels, 1);
        fill(pw.data, d.in_channels * d.out_channels);
        float *y = malloc((size_t)outputs * sizeof *y),
              *again = malloc((size_t)outputs * sizeof *y);
        csep_plan *plan;
        CHECK(csep_plan_create(&plan, &d, dw, pw.data, NULL) == CSEP_OK);
        CHECK(csep_execute(plan, &s, x, y, 1) == CSEP_OK);
        for (int threads = 1; threads < 4; threads++) {
            CHECK(csep_convolve(&d, &s, dw, pw.data, NULL, x, again, threads) == CSEP_OK);
            CHECK(memcmp(y, again, (size_t)outputs * sizeof *y) == 0);
        }
        CHECK(csep_convolve(&d, &s, dw, pw.data, NULL, NULL, again, 1) == CSEP_BAD_ARGUMENT);
        CHECK(csep_convolve(&d, &s, dw, NULL, NULL, x, again, 1) == CSEP_BAD_ARGUMENT);
        csep_plan_destroy(plan);
        munmap(pw.pages, pw.bytes);
        free(x);
        free(dw);
        free(y);
        free(again);
    }
}

static void bad_arguments(void)
{
    const csep_conv_desc good = {2, 1, 3, 3, 3, 1, 1, 1, 1};
    const csep_shape shape = {1, 5, 5, 0, 0, 0, 0};
    const float weights[64] = {0};
    float y[27];
    csep_plan *plan;
    int64_t h, w;

    CHECK(csep_plan_create(NULL, &good, weights, weights, NULL) == CSEP_BAD_ARGUMENT);
    CHECK(csep_plan_create(&plan, NULL, weights, weights, NULL) == CSEP_BAD_ARGUMENT);
    CHECK(csep_plan_create(&plan, &good, NULL, weights, NULL) == CSEP_BAD_ARGUMENT);
    CHECK(csep_plan_create(&plan, &good, weights, NULL, NULL) == CSEP_BAD_ARGUMENT);
    const int64_t wrong[] = {0, -1, INT64_MIN, CSEP_MAX_STEP + 1, INT64_MAX};
    for (size_t field = 0; field < sizeof good / sizeof(int64_t); field++)
        for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
            csep_conv_desc bad = good;
            ((int64_t *)&bad)[field] = wrong[i];
            CHECK(csep_plan_create(&plan, &bad, weights, weights, NULL) == CSEP_BAD_ARGUMENT);
            CHECK(plan == NULL);
        }
    const int64_t most = CSEP_MAX_STEP;
    const csep_conv_desc overflow = {most, most, most, most, most, 1, 1, 1, 1};
    CHECK(csep_plan_create(&plan, &overflow, weights, weights, NULL) == CSEP_BAD_SHAPE);

    CHECK(csep_plan_create(&plan, &good, weights, weights, NULL) == CSEP_OK);
    CHECK(csep_plan_bytes(plan) > 0);
    CHECK(csep_execute(NULL, &shape, weights, y, 1) == CSEP_BAD_ARGUMENT);
    CHECK(csep_execute(plan, NULL, weights, y, 1) == CSEP_BAD_ARGUMENT);
    CHECK(csep_execute(plan, &shape, NULL, y, 1) == CSEP_BAD_ARGUMENT);
    CHECK(csep_execute(plan, &shape, weights, NULL, 1) == CSEP_BAD_ARGUMENT);
    CHECK(csep_execute(plan, &shape, weights, y, 0) == CSEP_BAD_ARGUMENT);
    for (size_t field = 0; field < sizeof shape / sizeof(int64_t); field++) {
        const int64_t extreme[] = {-1, INT64_MIN, INT64_MAX, INT64_MAX / 2};
        for (size_t i = 0; i < sizeof extreme / sizeof *extreme; i++) {
            csep_shape bad = shape;
            ((int64_t *)&bad)[field] = extreme[i];
            CHECK(csep_output_size(&good, &bad, &h, &w) != CSEP_OK);
            CHECK(csep_execute(plan, &bad, weights, y, 1) != CSEP_OK);
            CHECK(csep_scratch_bytes(plan, &bad, 1) == 0);
        }
    }
    const csep_shape small = {1, 2, 5, 0, 0, 0, 0};
    CHECK(csep_execute(plan, &small, weights, y, 1) == CSEP_BAD_SHAPE);
    const csep_shape none = {0, 5, 5, 0, 0, 0, 0};
    CHECK(csep_execute(plan, &none, NULL, NULL, 1) == CSEP_OK);
    csep_plan_destroy(plan);
    csep_plan_destroy(NULL);

    for (int status = CSEP_OK; status <= CSEP_BAD_ISA + 1; status++)
        CHECK(strlen(csep_status_string((csep_status)status)) > 0);
}

int main(int argc, char **argv)
{
    const int geometries = argc > 1 ? atoi(argv[1]) : 500;
    if (csep_init() != CSEP_OK) {
        printf("no such instruction set; there are: %s\n", csep_isa_available());
        return 2;
    }
    bad_arguments();
    one_call_is_a_plan_and_a_call();
    for (int i = 0; i < geometries;)
        i += random_geometry();
    printf("%s: %d geometries, %d failures\n", csep_isa(), geometries, failures);
    return failures != 0;
}
