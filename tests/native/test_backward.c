/* Backward passes of random layers, some of many channels: each in a thread of its own, whose
 * scratch memory goes with it, so that the sanitizer sees what is written past its end; the same
 * bits for any number of threads, and for a plan that is kept.
 *
 *     test_backward [layers]
 */
#include "testing.h" /* first: it says which functions of the system are wanted */

#include <pthread.h>

enum { GRADIENTS = 7, RUNS = 3 };

typedef struct layer {
    csep_conv_desc d;
    csep_input in;
    csep_weights weights;
    void *x, *residual, *dy;
    int64_t counts[GRADIENTS]; /* in the order of csep_gradients; 0: there is none, or not wanted */
} layer;

typedef struct pass {
    const layer *of;
    void *gradients[GRADIENTS];
    int threads, with_plan;
    csep_status status;
} pass;

static csep_conv_desc any_desc(void)
{
    const csep_kind kinds[] = {CSEP_SEPARABLE, CSEP_SEPARABLE, CSEP_DEPTHWISE, CSEP_CONV};
    csep_conv_desc d = {.kind = kinds[draw(0, 3)], .dtype = draw(0, 4) ? CSEP_F32 : CSEP_F64};
    const int conv = d.kind == CSEP_CONV, side = (int)draw(0, 3);
    d.groups = conv && draw(0, 2) == 0 ? draw(1, 4) : 1;
    d.in_channels = d.groups * (conv ? draw(1, 24) : draw(0, 1) ? draw(1, 9) : draw(1, 130));
    d.channel_multiplier = !conv && draw(0, 3) == 0 ? draw(2, 5) : 1;
    d.shared_kernel = !conv && draw(0, 4) == 0;
    d.out_channels = d.kind == CSEP_DEPTHWISE
                         ? d.in_channels * d.channel_multiplier
                         : d.groups * draw(1, draw(0, 1) ? 560 / d.groups : 40);
    d.kernel_h = side ? 3 : draw(1, 7);
    d.kernel_w = side ? 3 : draw(1, 7);
    d.stride_h = draw(0, 2) ? 1 : draw(1, 4);
    d.stride_w = draw(0, 2) ? d.stride_h : draw(1, 4);
    d.dilation_h = draw(0, 3) ? 1 : draw(1, 3);
    d.dilation_w = draw(0, 3) ? 1 : draw(1, 3);
    d.activation.kind = draw(0, 2) ? CSEP_LINEAR : CSEP_RELU;
    if (d.kind == CSEP_SEPARABLE)
        d.depthwise_activation.kind = draw(0, 2) ? CSEP_LINEAR : CSEP_RELU6;
    return d;
}

static void *any_or_none(csep_dtype dtype, int64_t count)
{
    return count ? random_array(dtype, count) : NULL;
}

static csep_input any_input(csep_dtype dtype)
{
    csep_input in = {.dtype = dtype, .batch = draw(1, 4)};
    in.height = draw(1, draw(0, 3) ? 30 : 90);
    in.width = draw(1, draw(0, 3) ? 20 : 200);
    in.padding = draw(0, 1) ? CSEP_SAME : CSEP_EXPLICIT;
    in.pad_top = draw(0, 9);
    in.pad_left = draw(0, 9);
    in.pad_bottom = draw(0, 9);
    in.pad_right = draw(0, 9);
    return in;
}

/* 0 where there is no output, or it would take long. */
static int make_layer(const csep_conv_desc *desc, const csep_input *input, layer *l)
{
    const csep_conv_desc d = *desc;
    const csep_input in = *input;
    int64_t h, w;
    if (csep_output_size(&d, &in, &h, &w) != CSEP_OK)
        return 0;
    const int conv = d.kind == CSEP_CONV, separable = d.kind == CSEP_SEPARABLE;
    const int64_t depth = d.in_channels * d.channel_multiplier, taps = d.kernel_h * d.kernel_w;
    const int64_t own = d.shared_kernel ? d.channel_multiplier : depth;
    const int64_t matrix = (conv ? taps * d.in_channels / d.groups : depth) * d.out_channels;
    const int64_t pixels = in.batch * h * w;
    if ((double)pixels * (double)(conv || separable ? matrix : depth * taps) > 3e8)
        return 0;
    const int64_t y = pixels * d.out_channels, x = in.batch * in.height * in.width * d.in_channels;
    *l = (layer){.d = d, .in = in};
    l->x = random_array(d.dtype, x);
    l->dy = random_array(d.dtype, y);
    l->residual = any_or_none(d.dtype, draw(0, 3) ? 0 : y);
    void *product = any_or_none(d.dtype, d.kind == CSEP_DEPTHWISE ? 0 : matrix);
    l->weights = (csep_weights){.dw = any_or_none(d.dtype, conv ? 0 : taps * own),
                                .pw = product,
                                .w = product,
                                .bias = any_or_none(d.dtype, draw(0, 1) ? d.out_channels : 0)};
    const int64_t counts[GRADIENTS] = {
        x,
        l->residual ? y : 0,
        conv ? 0 : taps * own,
        separable ? depth : 0,
        separable ? matrix : 0,
        conv ? matrix : 0,
        d.out_channels,
    };
    const int64_t wanted = draw(0, 1) ? 127 : draw(1, 127);
    for (int i = 0; i < GRADIENTS; i++)
        l->counts[i] = wanted >> i & 1 ? counts[i] : 0;
    return 1;
}

static void *run_pass(void *argument)
{
    pass *p = argument;
    const layer *l = p->of;
    void *const *g = p->gradients;
    const csep_gradients to = {g[0], g[1], g[2], g[3], g[4], g[5], g[6]};
    csep_gradient_plan *plan = NULL;
    if (!p->with_plan) {
        p->status =
            csep_backward(&l->d, &l->in, &l->weights, l->x, l->residual, l->dy, &to, p->threads);
        return NULL;
    }
    p->status = csep_gradient_plan_create(&plan, &l->d, &l->weights);
    if (p->status == CSEP_OK)
        p->status = csep_execute_backward(plan, &l->in, l->x, l->residual, l->dy, &to, p->threads);
    csep_gradient_plan_destroy(plan);
    return NULL;
}

static int try_layer(const csep_conv_desc *d, const csep_input *in)
{
    layer l;
    pass passes[RUNS];
    if (!make_layer(d, in, &l))
        return 0;
    for (int run = 0; run < RUNS; run++) {
        pass *p = &passes[run];
        *p = (pass){.of = &l, .threads = run ? (int)draw(2, 6) : 1, .with_plan = run == 2};
        for (int i = 0; i < GRADIENTS; i++)
            p->gradients[i] = any_or_none(l.d.dtype, l.counts[i]);
        pthread_t thread;
        CHECK(pthread_create(&thread, NULL, run_pass, p) == 0);
        CHECK(pthread_join(thread, NULL) == 0);
        CHECK(p->status == CSEP_OK);
        for (int i = 0; i < GRADIENTS; i++)
            CHECK(!l.counts[i] || memcmp(p->gradients[i], passes[0].gradients[i],
                                         (size_t)(l.counts[i] * bytes_of(l.d.dtype))) == 0);
    }
    for (int run = 0; run < RUNS; run++)
        for (int i = 0; i < GRADIENTS; i++)
            free(passes[run].gradients[i]);
    free(l.x);
    free(l.dy);
    free(l.residual);
    free((void *)l.weights.dw);
    free((void *)l.weights.pw);
    free((void *)l.weights.bias);
    return 1;
}

/* Of these sizes the rows that a strip adds to those of the one before are dealt to larger tiles
 * than all of its rows, with the caches of some processors. */
static void layers_of_many_channels(void)
{
    for (int64_t height = 12; height <= 34; height += 2)
        for (int64_t channels = 64; channels <= 128; channels += 64) {
            const csep_conv_desc d = simple_layer(channels, 512);
            const csep_input in = {.batch = 2, .height = height, .width = 11, .padding = CSEP_SAME};
            CHECK(try_layer(&d, &in));
        }
}

int main(int argc, char **argv)
{
    const int layers = argc > 1 ? atoi(argv[1]) : 100;
    if (!init_or_tell())
        return 2;
    layers_of_many_channels();
    for (int i = 0; i < layers;) {
        const csep_conv_desc d = any_desc();
        const csep_input in = any_input(d.dtype);
        i += try_layer(&d, &in);
    }
    printf("%s: %d backward passes, %d failures\n", csep_isa(), layers, failures);
    return failures != 0;
}
