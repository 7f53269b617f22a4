/* Entry points of networks.  Each argument is checked here, once: what lies below trusts its
 * caller. */
#include <stdlib.h>

#include "csep.h"
#include "network/execute.h"
#include "network/network.h"
#include "network/prepared.h"
#include "network/shapes.h"
#include "plan/plan.h"

static int in_range(int64_t value, int64_t low) { return value >= low && value <= CSEP_MAX_STEP; }

static int has_arrays(const csep_step *s) { return s->scales || s->shift || s->slopes; }

static int check_convolution(const csep_step *s, csep_dtype dtype)
{
    return s->plan && s->plan->desc.dtype == dtype && s->source_count <= 2;
}

static int check_added(const csep_step *s)
{
    const int prelu = s->activation.kind == CSEP_PRELU;
    return s->source_count <= CSEP_MAX_ADDED &&
           (unsigned)s->activation.kind <= CSEP_LAST_ACTIVATION && (!prelu || s->slopes) &&
           (!has_arrays(s) || in_range(s->channels, 1)) &&
           (s->kind == CSEP_STEP_ADD || (!s->scales && !s->shift));
}

static int check_resizing(const csep_step *s)
{
    const int sides = in_range(s->height, 0) && in_range(s->width, 0);
    return sides && (s->height || in_range(s->factor_h, 1)) &&
           (s->width || in_range(s->factor_w, 1));
}

static int check_pad(const csep_input *in)
{
    return in_range(in->pad_top, -CSEP_MAX_STEP) && in_range(in->pad_bottom, -CSEP_MAX_STEP) &&
           in_range(in->pad_left, -CSEP_MAX_STEP) && in_range(in->pad_right, -CSEP_MAX_STEP);
}

static int check_pool(const csep_step *s)
{
    return s->input.padding_mode == CSEP_ZEROS && in_range(s->window_h, 1) &&
           in_range(s->window_w, 1) && in_range(s->stride_h, 1) && in_range(s->stride_w, 1);
}

/* Whether a step may make a value of those before it, `values` of them. */
static int check_step(const csep_step *s, csep_dtype dtype, int values)
{
    if (s->source_count < 1 || !s->sources || (unsigned)s->kind > CSEP_LAST_STEP)
        return 0;
    for (int i = 0; i < s->source_count; i++)
        if (s->sources[i] < 0 || s->sources[i] >= values)
            return 0;
    if (s->kind == CSEP_STEP_ADD || s->kind == CSEP_STEP_MULTIPLY)
        return check_added(s);
    if (has_arrays(s))
        return 0;
    switch (s->kind) {
    case CSEP_STEP_CONVOLVE: return check_convolution(s, dtype);
    case CSEP_STEP_CONCAT: return s->source_count <= CSEP_MAX_STEPS;
    default: break;
    }
    if (s->source_count != 1)
        return 0;
    switch (s->kind) {
    case CSEP_STEP_MAX_POOL:
    case CSEP_STEP_AVERAGE_POOL: return check_pool(s);
    case CSEP_STEP_NEAREST:
    case CSEP_STEP_BILINEAR: return check_resizing(s);
    case CSEP_STEP_PAD: return check_pad(&s->input);
    case CSEP_STEP_RESHAPE:
        return in_range(s->height, 1) && in_range(s->width, 1) && in_range(s->channels, 1);
    default: return 1;
    }
}

static int check_outputs(const int *outputs, int count, int inputs, int values)
{
    for (int i = 0; i < count; i++) {
        if (outputs[i] < inputs || outputs[i] >= values)
            return 0;
        for (int j = 0; j < i; j++)
            if (outputs[j] == outputs[i])
                return 0;
    }
    return 1;
}

csep_status csep_network_create(csep_network **network, csep_dtype dtype, int input_count,
                                const csep_step *steps, int step_count, const int *outputs,
                                int output_count)
{
    if (!network)
        return CSEP_BAD_ARGUMENT;
    *network = NULL;
    const int counts = input_count >= 1 && input_count <= CSEP_MAX_STEPS && step_count >= 1 &&
                       step_count <= CSEP_MAX_STEPS && output_count >= 1 &&
                       output_count <= step_count;
    if ((dtype != CSEP_F32 && dtype != CSEP_F64) || !counts || !steps || !outputs)
        return CSEP_BAD_ARGUMENT;
    for (int i = 0; i < step_count; i++)
        if (!check_step(&steps[i], dtype, input_count + i))
            return CSEP_BAD_ARGUMENT;
    if (!check_outputs(outputs, output_count, input_count, input_count + step_count))
        return CSEP_BAD_ARGUMENT;
    const csep_status status = csep_init();
    if (status != CSEP_OK)
        return status;
    *network = csep_build_network(dtype, input_count, steps, step_count, outputs, output_count);
    return *network ? CSEP_OK : CSEP_NO_MEMORY;
}

csep_status csep_network_shapes(const csep_network *network, const csep_shape *inputs,
                                csep_shape *values, int *bad_step)
{
    int unread;
    if (!network || !inputs || !values)
        return CSEP_BAD_ARGUMENT;
    return csep_infer_shapes(network, inputs, values, NULL, bad_step ? bad_step : &unread);
}

csep_status csep_network_execute(const csep_network *network, const csep_shape *inputs,
                                 const void *const *x, void *const *y, int num_threads)
{
    if (!network || !inputs || !x || !y || num_threads < 1)
        return CSEP_BAD_ARGUMENT;
    for (int i = 0; i < network->inputs && inputs[0].batch; i++)
        if (!x[i])
            return CSEP_BAD_ARGUMENT;
    for (int i = 0; i < network->outputs && inputs[0].batch; i++)
        if (!y[i])
            return CSEP_BAD_ARGUMENT;
    return csep_run_network(network, inputs, x, y, num_threads);
}

int64_t csep_network_arena_bytes(const csep_network *network, const csep_shape *inputs)
{
    csep_status status;
    if (!network || !inputs)
        return 0;
    csep_prepared *p = csep_prepare(network, inputs, 1, &status);
    const int64_t bytes = p ? p->arena_bytes : 0;
    csep_leave_prepared(p);
    return bytes;
}

int64_t csep_network_bytes(const csep_network *network) { return network ? network->bytes : 0; }

void csep_network_destroy(csep_network *network) { csep_free_network(network); }
