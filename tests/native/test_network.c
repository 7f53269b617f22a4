/* Networks of random steps: the same bits for any number of threads, as many as are asked for, from
 * a batch as from its images, and from the steps one by one; nothing outside the arrays is touched
 * (AddressSanitizer), nothing races (ThreadSanitizer).  And what csep_network_create refuses.
 */
#include "testing.h"

#include "network/prepared.h"

enum { NETWORKS = 300, MOST_STEPS = 12, MOST_VALUES = MOST_STEPS + 1, BATCH = 2 };

/* A network being drawn. */
typedef struct drawing {
    csep_dtype dtype;
    csep_step steps[MOST_STEPS];
    int sources[MOST_STEPS][3];
    csep_plan *plans[MOST_STEPS];
    void *numbers[MOST_STEPS];
    const void *scales[MOST_STEPS][3];
    int count;
    csep_shape shapes[MOST_VALUES]; /* of the values so far */
} drawing;

static void draw_convolution(drawing *d, csep_step *s, int64_t channels)
{
    csep_conv_desc desc = simple_layer(channels, draw(1, 40));
    desc.kind = (csep_kind)draw(0, 2);
    desc.dtype = d->dtype;
    desc.kernel_w = draw(1, 3);
    desc.stride_h = draw(1, 2);
    desc.activation.kind = (csep_activation_kind)draw(0, CSEP_PRELU - 1);
    if (desc.kind == CSEP_DEPTHWISE)
        desc.out_channels = channels;
    const int64_t most = desc.kernel_h * desc.kernel_w * channels * (desc.out_channels + 1) + 64;
    void *numbers = random_array(d->dtype, most);
    const csep_weights weights = {numbers, NULL, numbers, numbers, numbers, NULL, NULL};
    CHECK(csep_plan_create(&d->plans[d->count], &desc, &weights) == CSEP_OK);
    free(numbers);
    s->plan = d->plans[d->count];
    s->input.padding = (csep_padding)draw(0, 2);
    s->input.padding_mode = draw(0, 3) ? CSEP_ZEROS : (csep_padding_mode)draw(1, 2);
}

static void draw_step(drawing *d)
{
    csep_step *s = &d->steps[d->count];
    int *sources = d->sources[d->count];
    const int any = draw(0, 1); /* or a convolution of what was made last */
    *s = (csep_step){.sources = sources};
    if (any)
        s->kind = (csep_step_kind)draw(0, CSEP_LAST_STEP);
    sources[0] = any && d->count > 3 ? (int)draw(d->count - 3, d->count) : d->count;
    const csep_shape x = d->shapes[sources[0]];
    s->source_count = 1;
    s->channels = x.channels;
    s->activation.kind = (csep_activation_kind)draw(0, CSEP_PRELU);
    d->numbers[d->count] = random_array(d->dtype, x.channels);
    for (int i = 0; i < 3; i++)
        d->scales[d->count][i] = draw(0, 1) ? d->numbers[d->count] : NULL;
    const int added = s->kind == CSEP_STEP_ADD || s->kind == CSEP_STEP_MULTIPLY;
    if (added && s->activation.kind == CSEP_PRELU)
        s->slopes = d->numbers[d->count];
    switch (s->kind) {
    case CSEP_STEP_CONVOLVE:
        draw_convolution(d, s, x.channels);
        if (draw(0, 2) == 0) /* a residual */
            sources[s->source_count++] = (int)draw(0, d->count);
        break;
    case CSEP_STEP_ADD:
        s->scales = draw(0, 1) ? d->scales[d->count] : NULL;
        s->shift = draw(0, 1) ? d->numbers[d->count] : NULL;
        /* fall through */
    case CSEP_STEP_MULTIPLY:
    case CSEP_STEP_CONCAT:
        for (int tries = 0; tries < 6 && s->source_count < 3; tries++)
            sources[s->source_count++] = (int)draw(0, d->count);
        break;
    case CSEP_STEP_NEAREST:
    case CSEP_STEP_BILINEAR:
        s->height = draw(0, 9);
        s->factor_h = draw(1, 2);
        s->width = draw(1, 9);
        break;
    case CSEP_STEP_PAD:
        s->input.pad_top = draw(-1, 2);
        s->input.pad_bottom = draw(-1, 2);
        s->input.pad_left = draw(-1, 2);
        s->input.pad_right = draw(-1, 2);
        break;
    case CSEP_STEP_RESHAPE:
        s->height = x.width;
        s->width = x.height;
        break;
    default:
        s->window_h = draw(1, 4);
        s->window_w = draw(1, 4);
        s->stride_h = draw(1, 3);
        s->stride_w = draw(1, 3);
        s->input.padding = (csep_padding)draw(0, 2);
    }
}

static void drop_step(drawing *d)
{
    csep_plan_destroy(d->plans[d->count]);
    d->plans[d->count] = NULL;
    free(d->numbers[d->count]);
    d->numbers[d->count] = NULL;
}

/* Steps that fit what there is; the others are dropped. */
static csep_network *draw_network(drawing *d)
{
    csep_network *network = NULL;
    for (int tries = 0; tries < 60 && d->count < MOST_STEPS; tries++) {
        draw_step(d);
        const int output[] = {d->count + 1};
        csep_network *longer = NULL;
        csep_shape shapes[MOST_VALUES];
        int bad_step = -1;
        const csep_status status =
            csep_network_create(&longer, d->dtype, 1, d->steps, d->count + 1, output, 1);
        if (status == CSEP_OK &&
            csep_network_shapes(longer, d->shapes, shapes, &bad_step) == CSEP_OK) {
            csep_network_destroy(network);
            network = longer;
            memcpy(d->shapes, shapes, sizeof(csep_shape) * (size_t)(d->count + 2));
            d->count++;
            continue;
        }
        CHECK(status == CSEP_BAD_ARGUMENT || bad_step == d->count);
        csep_network_destroy(longer);
        drop_step(d);
    }
    return network;
}

static int64_t bytes_of_shape(const csep_shape *s, csep_dtype dtype)
{
    return s->batch * s->height * s->width * s->channels * bytes_of(dtype);
}

/* Runs it on new memory of the exact size, which the caller frees. */
static void *run(const csep_network *network, const drawing *d, csep_shape in, csep_shape out,
                 const void *x, int threads)
{
    void *y = malloc((size_t)bytes_of_shape(&out, d->dtype));
    const void *inputs[] = {x};
    void *outputs[] = {y};
    CHECK(csep_network_execute(network, &in, inputs, outputs, threads) == CSEP_OK);
    return y;
}

/* What a step alone makes of these sources. */
static void *run_alone(const drawing *d, int step, void *const *values, const csep_shape *shapes)
{
    static const int numbers[] = {0, 1, 2}, outputs[] = {1, 2, 3};
    csep_step s = d->steps[step];
    const csep_shape *y_shape = &shapes[step + 1];
    const void *x[3];
    csep_shape x_shapes[3];
    void *y = malloc((size_t)bytes_of_shape(y_shape, d->dtype));
    csep_network *alone;
    for (int i = 0; i < s.source_count; i++) {
        x[i] = values[s.sources[i]];
        x_shapes[i] = shapes[s.sources[i]];
    }
    s.sources = numbers;
    CHECK(csep_network_create(&alone, d->dtype, s.source_count, &s, 1, &outputs[s.source_count - 1],
                              1) == CSEP_OK);
    CHECK(csep_network_execute(alone, x_shapes, x, &y, 1) == CSEP_OK);
    csep_network_destroy(alone);
    return y;
}

/* How many pairs of steps are computed together. */
static int chains_of(const csep_network *network, const drawing *d)
{
    csep_status status;
    int chains = 0;
    csep_prepared *p = csep_prepare(network, d->shapes, 1, &status);
    for (int i = 0; i < d->count; i++)
        chains += p->step[i].cut.strips > 0;
    csep_leave_prepared(p);
    return chains;
}

static void check_step_by_step(const drawing *d, void *x, const void *expected)
{
    void *values[MOST_VALUES] = {x};
    for (int i = 0; i < d->count; i++)
        values[i + 1] = run_alone(d, i, values, d->shapes);
    const size_t bytes = (size_t)bytes_of_shape(&d->shapes[d->count], d->dtype);
    CHECK(memcmp(values[d->count], expected, bytes) == 0);
    for (int i = 0; i < d->count; i++)
        free(values[i + 1]);
}

static void check_network(const csep_network *network, const drawing *d)
{
    const csep_shape in = d->shapes[0], out = d->shapes[d->count];
    void *x = random_array(d->dtype, bytes_of_shape(&in, d->dtype) / bytes_of(d->dtype));
    void *expected = run(network, d, in, out, x, 1);
    const size_t bytes = (size_t)bytes_of_shape(&out, d->dtype);
    for (int threads = 2; threads <= 5; threads++) {
        void *y = run(network, d, in, out, x, threads);
        CHECK(memcmp(y, expected, bytes) == 0);
        free(y);
    }
    check_step_by_step(d, x, expected);
    csep_shape one_in = in, one_out = out;
    one_in.batch = one_out.batch = 1;
    for (int64_t i = 0; i < BATCH; i++) {
        const char *image = (const char *)x + i * bytes_of_shape(&one_in, d->dtype);
        void *y = run(network, d, one_in, one_out, image, 3);
        CHECK(memcmp(y, (const char *)expected + (size_t)i * bytes / BATCH, bytes / BATCH) == 0);
        free(y);
    }
    free(expected);
    free(x);
}

static void refused(csep_dtype dtype, int inputs, const csep_step *steps, int count,
                    const int *outputs, int output_count)
{
    csep_network *network = (csep_network *)steps;
    CHECK(csep_network_create(&network, dtype, inputs, steps, count, outputs, output_count) ==
          CSEP_BAD_ARGUMENT);
    CHECK(network == NULL);
}

static void refuse(void)
{
    const int zero[] = {0}, one[] = {1}, twice[] = {1, 1}, far[] = {7};
    const csep_step good = {.kind = CSEP_STEP_SOFTMAX, .source_count = 1, .sources = zero};
    refused(CSEP_F16, 1, &good, 1, one, 1);
    refused(CSEP_F32, 0, &good, 1, one, 1);
    refused(CSEP_F32, 1, &good, 0, one, 1);
    refused(CSEP_F32, 1, &good, 1, zero, 1);
    refused(CSEP_F32, 1, &good, 1, far, 1);
    refused(CSEP_F32, 1, &good, 1, one, 0);
    refused(CSEP_F32, 1, &good, 1, NULL, 1);
    refused(CSEP_F32, 1, NULL, 1, one, 1);
    const csep_step two[] = {good, good};
    refused(CSEP_F32, 1, two, 2, twice, 2);
    csep_step bad = good;
    bad.sources = one;
    refused(CSEP_F32, 1, &bad, 1, one, 1);
    bad = good;
    bad.kind = (csep_step_kind)99;
    refused(CSEP_F32, 1, &bad, 1, one, 1);
    bad.kind = CSEP_STEP_CONVOLVE;
    refused(CSEP_F32, 1, &bad, 1, one, 1);
    bad.kind = CSEP_STEP_MAX_POOL;
    refused(CSEP_F32, 1, &bad, 1, one, 1);
    bad.kind = CSEP_STEP_NEAREST;
    refused(CSEP_F32, 1, &bad, 1, one, 1);
    bad.kind = CSEP_STEP_ADD;
    bad.activation.kind = CSEP_PRELU;
    refused(CSEP_F32, 1, &bad, 1, one, 1);
    bad = good;
    bad.shift = one;
    refused(CSEP_F32, 1, &bad, 1, one, 1);
    csep_network *network = NULL;
    CHECK(csep_network_create(NULL, CSEP_F32, 1, &good, 1, one, 1) == CSEP_BAD_ARGUMENT);
    CHECK(csep_network_create(&network, CSEP_F32, 1, &good, 1, one, 1) == CSEP_OK);
    const csep_shape huge = {1, INT64_C(1) << 40, INT64_C(1) << 40, 5},
                     large = {1, 1 << 30, 1 << 20, 1};
    csep_shape shapes[2];
    const void *x[] = {&good};
    void *y[] = {shapes};
    int bad_step;
    CHECK(csep_network_shapes(network, &huge, shapes, &bad_step) == CSEP_BAD_SHAPE &&
          bad_step == -1);
    CHECK(csep_network_execute(network, &huge, x, y, 1) == CSEP_BAD_SHAPE);
    CHECK(csep_network_execute(network, &large, x, y, 1) == CSEP_NO_MEMORY);
    CHECK(csep_network_execute(network, &large, x, y, 0) == CSEP_BAD_ARGUMENT);
    CHECK(csep_network_execute(network, &large, x, NULL, 1) == CSEP_BAD_ARGUMENT);
    CHECK(csep_network_arena_bytes(network, &huge) == 0);
    csep_network_destroy(network);
    csep_network_destroy(NULL);
}

int main(void)
{
    if (!init_or_tell())
        return 2;
    refuse();
    int made = 0, chains = 0;
    for (int i = 0; i < NETWORKS; i++) {
        drawing d = {.dtype = draw(0, 3) ? CSEP_F32 : CSEP_F64};
        d.shapes[0] = (csep_shape){BATCH, draw(1, 40), draw(1, 40), draw(1, 70)};
        csep_network *network = draw_network(&d);
        if (network) {
            check_network(network, &d);
            chains += chains_of(network, &d);
            made++;
        }
        csep_network_destroy(network);
        while (d.count-- > 0)
            drop_step(&d);
    }
    printf("%s: %d networks, %d chains, %d failures\n", csep_isa(), made, chains, failures);
    /* Chains are for what L2 cannot hold: the Makefile has this run with a tiny one, too. */
    return failures != 0 || made < NETWORKS / 2 || (csep_cache_bytes(2) == 32768 && chains < 10);
}
