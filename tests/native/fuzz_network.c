/* A libFuzzer target: networks out of the fuzzer's bytes.
 *
 * Steps of all kinds with small sizes, of which up to three fields are any 64 bits.  What is
 * refused leaves no network; what is accepted has shapes that are right in themselves, and, where
 * there is room for its values, gives the same bits with any number of threads and image by image,
 * between pages that must not be touched (the kernels are not instrumented).
 */
#include "fuzzing.h"

enum {
    NUMBERS = 64,
    MOST_STEPS = 8,
    MOST_INPUTS = 2,
    MOST_SOURCES = 4,
    MOST_VALUES = MOST_STEPS + MOST_INPUTS
};

/* A network out of the fuzzer's bytes. */
typedef struct drawing {
    csep_dtype dtype;
    int inputs, steps, outputs;
    csep_shape shapes[MOST_VALUES];
    csep_step step[MOST_STEPS];
    int sources[MOST_STEPS][MOST_SOURCES];
    const void *scales[MOST_STEPS][MOST_SOURCES];
    csep_plan *plans[MOST_STEPS];
    int output[2];
} drawing;

/* A convolution of so many channels, or NULL: the plan of each is made by itself, and refused by
 * its own rules. */
static csep_plan *take_plan(input *in, csep_dtype dtype, int64_t channels)
{
    csep_conv_desc d = {.kind = (csep_kind)take(in, 0, 2),
                        .dtype = dtype,
                        .in_channels = channels,
                        .channel_multiplier = 1,
                        .out_channels = take(in, 1, 40),
                        .kernel_h = take(in, 1, 4),
                        .kernel_w = take(in, 1, 4),
                        .stride_h = take(in, 1, 3),
                        .stride_w = take(in, 1, 3),
                        .dilation_h = take(in, 1, 2),
                        .dilation_w = take(in, 1, 2),
                        .activation = {(csep_activation_kind)take(in, 0, CSEP_PRELU - 1), 0.5}};
    if (d.kind == CSEP_DEPTHWISE)
        d.out_channels = channels;
    const int64_t most = count(d.kernel_h, d.kernel_w, channels, d.out_channels + 1);
    if (most < 0)
        return NULL;
    void *numbers = make_array(in, 0, (most + 64) * bytes_of(dtype));
    const csep_weights weights = {.dw = numbers, .pw = numbers, .w = numbers, .bias = numbers};
    csep_plan *plan = NULL;
    require((csep_plan_create(&plan, &d, &weights) == CSEP_OK) == (plan != NULL),
            "a plan without success, or the reverse");
    return plan;
}

/* One field of a step is anything. */
static void any_field(input *in, csep_step *s)
{
    int64_t *const sizes[] = {&s->window_h,       &s->window_w,         &s->stride_h,
                              &s->stride_w,       &s->height,           &s->width,
                              &s->factor_h,       &s->factor_w,         &s->input.pad_top,
                              &s->input.pad_left, &s->input.pad_bottom, &s->input.pad_right,
                              &s->channels};
    int *const numbers[] = {(int *)&s->kind,          (int *)&s->activation.kind,
                            (int *)&s->input.padding, (int *)&s->input.padding_mode,
                            (int *)&s->input.layout,  (int *)&s->input.dtype};
    enum { SIZES = sizeof sizes / sizeof *sizes, KINDS = sizeof numbers / sizeof *numbers };
    const int64_t which = take(in, 0, SIZES + KINDS - 1), value = take_any(in);
    if (which < SIZES)
        *sizes[which] = value;
    else
        *numbers[which - SIZES] = (int)value;
}

static void take_step(input *in, drawing *d, int i)
{
    csep_step *s = &d->step[i];
    const int values = d->inputs + i;
    /* Channels of what is likely the source: what the step before was given or made. */
    const int64_t channels = take(in, 0, 3) ? d->shapes[values - 1].channels : take(in, 1, 40);
    void *numbers = make_array(in, 1, NUMBERS * bytes_of(d->dtype));
    *s = (csep_step){.kind = (csep_step_kind)take(in, 0, CSEP_LAST_STEP), .channels = channels};
    s->source_count = (int)take(in, 0, MOST_SOURCES);
    if (s->source_count == 0 || s->kind > CSEP_STEP_CONCAT || take(in, 0, 1))
        s->source_count = 1;
    for (int j = 0; j < s->source_count; j++)
        d->sources[i][j] = take(in, 0, 3) ? values - 1 : (int)take(in, 0, values) - take(in, 0, 1);
    s->sources = d->sources[i];
    if (s->kind == CSEP_STEP_CONVOLVE)
        s->plan = d->plans[i] = take_plan(in, d->dtype, channels);
    s->input.dtype = d->dtype;
    s->input.padding = (csep_padding)take(in, 0, 2);
    s->window_h = take(in, 1, 4);
    s->window_w = take(in, 1, 4);
    s->stride_h = take(in, 1, 3);
    s->stride_w = take(in, 1, 3);
    s->height = take(in, 0, 9);
    s->width = take(in, 0, 9);
    s->factor_h = take(in, 0, 3);
    s->factor_w = take(in, 0, 3);
    s->activation.kind = (csep_activation_kind)take(in, 0, CSEP_LAST_ACTIVATION);
    s->activation.alpha = 0.25;
    s->slopes = s->activation.kind == CSEP_PRELU ? numbers : NULL;
    s->shift = take(in, 0, 1) ? numbers : NULL;
    for (int j = 0; j < MOST_SOURCES; j++)
        d->scales[i][j] = take(in, 0, 1) ? numbers : NULL;
    s->scales = take(in, 0, 1) ? d->scales[i] : NULL;
    if (take(in, 0, 3) == 3)
        any_field(in, s);
    const int added = s->kind == CSEP_STEP_ADD || s->kind == CSEP_STEP_MULTIPLY;
    /* Arrays are as long as channels says, and others than sums have none, or are refused. */
    if (s->channels > NUMBERS || (!added && take(in, 0, 7))) {
        s->scales = NULL;
        s->shift = s->slopes = NULL;
    }
}

static void take_network(input *in, drawing *d)
{
    d->dtype = (csep_dtype)take(in, 0, 1);
    d->inputs = (int)take(in, 1, MOST_INPUTS);
    d->steps = (int)take(in, 1, MOST_STEPS);
    for (int i = 0; i < d->inputs; i++)
        d->shapes[i] =
            (csep_shape){take(in, 1, 2), take(in, 1, 20), take(in, 1, 20), take(in, 1, 40)};
    if (take(in, 0, 3))
        d->shapes[1].batch = d->shapes[0].batch;
    for (int i = 0; i < d->steps; i++) {
        /* For the next step's guess of its channels. */
        const int values = d->inputs + i;
        take_step(in, d, i);
        const csep_step *s = &d->step[i];
        d->shapes[values].channels = d->plans[i] ? 1 : d->shapes[values - 1].channels;
        csep_network *so_far = NULL;
        csep_shape shapes[MOST_VALUES];
        if (s->source_count &&
            csep_network_create(&so_far, d->dtype, d->inputs, d->step, i + 1, (int[]){values}, 1) ==
                CSEP_OK &&
            csep_network_shapes(so_far, d->shapes, shapes, NULL) == CSEP_OK)
            d->shapes[values] = shapes[values];
        csep_network_destroy(so_far);
    }
    d->outputs = (int)take(in, 1, 2);
    d->output[0] = d->inputs + d->steps - 1;
    d->output[1] = (int)take(in, 0, MOST_VALUES);
}

/* Bytes of a value, or -1 where there is no room for it. */
static int64_t bytes_in_room(const drawing *d, const csep_shape *s)
{
    const int64_t numbers = count(s->batch, s->height, s->width, s->channels);
    return numbers < 0 ? -1 : numbers * bytes_of(d->dtype);
}

/* Whether all values are small; that they are right in themselves. */
static int check_shapes(const drawing *d, const csep_shape *shapes)
{
    int small = 1;
    for (int i = 0; i < d->inputs + d->steps; i++) {
        const csep_shape *s = &shapes[i];
        require(s->batch == d->shapes[0].batch, "another batch");
        require(s->height > 0 && s->width > 0 && s->channels > 0, "a side of nothing");
        small &= bytes_in_room(d, s) >= 0;
        if (i < d->inputs)
            continue;
        const csep_step *step = &d->step[i - d->inputs];
        const csep_shape *x = &shapes[step->sources[0]];
        if (step->kind == CSEP_STEP_CONCAT) {
            int64_t channels = 0;
            for (int j = 0; j < step->source_count; j++)
                channels += shapes[step->sources[j]].channels;
            require(s->channels == channels, "channels side by side");
        }
        if (step->kind == CSEP_STEP_RESHAPE)
            require((__int128)s->height * s->width * s->channels ==
                        (__int128)x->height * x->width * x->channels,
                    "other numbers");
        if (step->kind == CSEP_STEP_GLOBAL_MAX || step->kind == CSEP_STEP_GLOBAL_AVERAGE)
            require(s->height == 1 && s->width == 1 && s->channels == x->channels, "no pixel");
        if (step->kind == CSEP_STEP_PAD)
            require(s->height == x->height + step->input.pad_top + step->input.pad_bottom &&
                        s->width == x->width + step->input.pad_left + step->input.pad_right,
                    "another border");
    }
    return small;
}

/* Runs it on images from one on, `batch` of them, and compares with what was computed before. */
static void run_again(const drawing *d, const csep_network *n, const csep_shape *shapes,
                      int64_t first, int64_t batch, int threads)
{
    const void *x[MOST_INPUTS];
    void *y[2];
    csep_shape sides[MOST_INPUTS];
    for (int i = 0; i < d->inputs; i++) {
        const int64_t image = bytes_in_room(d, &shapes[i]) / shapes[i].batch;
        x[i] = room(2 + i) + first * image;
        sides[i] = shapes[i];
        sides[i].batch = batch;
    }
    for (int i = 0; i < d->outputs; i++) /* the end of the room is the end of the array */
        y[i] = room(6 + i) + ROOM -
               batch * (bytes_in_room(d, &shapes[d->output[i]]) / shapes[d->output[i]].batch);
    require(csep_network_execute(n, sides, x, y, threads) == CSEP_OK, "refused after all");
    for (int i = 0; i < d->outputs; i++) {
        const int64_t image = bytes_in_room(d, &shapes[d->output[i]]) / shapes[0].batch;
        require(
            same(d->dtype, room(4 + i) + first * image, y[i], batch * image / bytes_of(d->dtype)),
            "other bits");
    }
}

static void run(input *in, const drawing *d, const csep_network *n, const csep_shape *shapes)
{
    const void *x[MOST_INPUTS];
    void *y[2];
    for (int i = 0; i < d->inputs; i++) {
        make_array(&(input){in->end, in->end}, 2 + i, bytes_in_room(d, &shapes[i]));
        char *start = room(2 + i);
        for (int64_t j = 0; j < bytes_in_room(d, &shapes[i]); j += bytes_of(d->dtype)) {
            const float f = (float)((j * 37 + i) % 41 - 20) / 8;
            const double g = f;
            memcpy(start + j, d->dtype == CSEP_F64 ? (const void *)&g : &f,
                   (size_t)bytes_of(d->dtype));
        }
        x[i] = start;
    }
    for (int i = 0; i < d->outputs; i++)
        y[i] = room(4 + i);
    require(csep_network_execute(n, d->shapes, x, y, 1) == CSEP_OK, "shapes but no results");
    run_again(d, n, shapes, 0, shapes[0].batch, 3);
    for (int64_t image = 0; image < shapes[0].batch; image++)
        run_again(d, n, shapes, image, 1, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, data + size};
    drawing d = {0};
    csep_network *network;
    csep_shape shapes[MOST_VALUES];
    int bad_step = -2;
    take_network(&in, &d);
    const csep_status status =
        csep_network_create(&network, d.dtype, d.inputs, d.step, d.steps, d.output, d.outputs);
    require((status == CSEP_OK) == (network != NULL), "a network without success, or the reverse");
    if (network) {
        const csep_status fits = csep_network_shapes(network, d.shapes, shapes, &bad_step);
        const int64_t bytes = csep_network_arena_bytes(network, d.shapes);
        require(fits == CSEP_OK || bad_step >= -1, "no word of the step that cannot be");
        require(fits == CSEP_OK || bytes == 0, "memory for what cannot be");
        if (fits == CSEP_OK && check_shapes(&d, shapes))
            run(&in, &d, network, shapes);
    }
    csep_network_destroy(network);
    for (int i = 0; i < d.steps; i++)
        csep_plan_destroy(d.plans[i]);
    return 0;
}
