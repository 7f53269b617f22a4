/* A layer in C: plan, execute, destroy.
 *
 *     cc layer.c $(python -m csep --cflags --libs) -o layer && ./layer 4 5
 *
 * prints the 4 x 5 x 2 results of a separable layer, 3x3, 3 to 2 channels, ReLU, SAME padding.
 */
#include <stdio.h>
#include <stdlib.h>

#include <csep.h>

#if !CSEP_VERSION_AT_LEAST(0, 3)
#error "csep 0.3 or later, please"
#endif

enum { C = 3, CO = 2, K = 3 };

/* -1, -0.75, ... 1, over and over. */
static float *ramp(int64_t count)
{
    float *array = malloc((size_t)count * sizeof *array);
    for (int64_t i = 0; array && i < count; i++)
        array[i] = (float)(i % 9) / 4.0f - 1.0f;
    return array;
}

/* Prints the result, row by row; returns what went wrong. */
static csep_status run(const csep_plan *plan, const csep_conv_desc *desc, csep_input *shape)
{
    int64_t out_h, out_w;
    csep_status status = csep_same_padding(desc, shape);
    if (status == CSEP_OK)
        status = csep_output_size(desc, shape, &out_h, &out_w);
    if (status != CSEP_OK)
        return status;
    float *x = ramp(shape->height * shape->width * C), *y = ramp(out_h * out_w * CO);
    status = x && y ? csep_execute(plan, shape, x, NULL, y, 2) : CSEP_NO_MEMORY;
    for (int64_t i = 0; status == CSEP_OK && i < out_h * out_w * CO; i++)
        printf("%.6f%c", y[i], i % (out_w * CO) == out_w * CO - 1 ? '\n' : ' ');
    free(x);
    free(y);
    return status;
}

int main(int argc, char **argv)
{
    const csep_conv_desc desc = {.kind = CSEP_SEPARABLE,
                                 .dtype = CSEP_F32,
                                 .in_channels = C,
                                 .channel_multiplier = 1,
                                 .out_channels = CO,
                                 .kernel_h = K,
                                 .kernel_w = K,
                                 .stride_h = 1,
                                 .stride_w = 1,
                                 .dilation_h = 1,
                                 .dilation_w = 1,
                                 .activation = {.kind = CSEP_RELU}};
    csep_input shape = {.dtype = CSEP_F32,
                        .layout = CSEP_NHWC,
                        .batch = 1,
                        .height = argc > 1 ? atoll(argv[1]) : 4,
                        .width = argc > 2 ? atoll(argv[2]) : 5};
    const float dw[K * K * C] = {1, 0, 0, 0, 1, 0, 0, 0, 1, [13] = 0.5f, [26] = -2};
    const float pw[C * CO] = {1, 2, 3, -1, -2, -3}, bias[CO] = {0.25f, -0.25f};
    const csep_weights weights = {.dw = dw, .pw = pw, .bias = bias};

    csep_plan *plan;
    csep_status status = csep_plan_create(&plan, &desc, &weights);
    if (status == CSEP_OK) {
        status = run(plan, &desc, &shape);
        csep_plan_destroy(plan);
    }
    if (status != CSEP_OK)
        fprintf(stderr, "csep %s: %s\n", csep_version(), csep_status_string(status));
    return status != CSEP_OK;
}
