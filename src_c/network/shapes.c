#include "network/shapes.h"

#include "plan/arith.h"
#include "plan/plan.h"
#include "plan/sizes.h"

static int fits(const csep_shape *s)
{
    const int64_t sides[] = {max64(s->batch, 1), s->height, s->width, s->channels};
    return s->batch >= 0 && s->height >= 1 && s->width >= 1 && s->channels >= 1 &&
           csep_fits_memory(sides, 4);
}

/* What slides a window of this description over x. */
static csep_status slide(const csep_network *n, const csep_step *s, const csep_conv_desc *d,
                         const csep_shape *x, csep_shape *y, csep_geometry *geometry)
{
    csep_input in = s->input;
    in.dtype = n->dtype;
    in.layout = CSEP_NHWC;
    in.batch = x->batch;
    in.height = x->height;
    in.width = x->width;
    if (x->channels != d->in_channels)
        return CSEP_BAD_SHAPE;
    const csep_status status = csep_resolve_sizes(d, &in, geometry);
    if (status == CSEP_OK)
        *y = (csep_shape){x->batch, geometry->out_h, geometry->out_w, d->out_channels};
    return status;
}

static csep_status pool(const csep_network *n, const csep_step *s, const csep_shape *x,
                        csep_shape *y, csep_geometry *geometry)
{
    const csep_conv_desc window = {
        .kind = CSEP_DEPTHWISE,
        .dtype = n->dtype,
        .in_channels = x->channels,
        .channel_multiplier = 1,
        .out_channels = x->channels,
        .kernel_h = s->window_h,
        .kernel_w = s->window_w,
        .stride_h = s->stride_h,
        .stride_w = s->stride_w,
        .dilation_h = 1,
        .dilation_w = 1,
    };
    const csep_status status = csep_check_desc(&window);
    if (status != CSEP_OK)
        return status;
    const csep_status slid = slide(n, s, &window, x, y, geometry);
    /* Each window sees at least one pixel, as none has nothing to be the largest of. */
    const csep_input *in = &geometry->input;
    if (slid == CSEP_OK && (max64(in->pad_top, in->pad_bottom) >= s->window_h ||
                            max64(in->pad_left, in->pad_right) >= s->window_w))
        return CSEP_BAD_SHAPE;
    return slid;
}

/* Sources of one size, or of a single pixel for each image. */
static csep_status elementwise(const csep_step *s, const csep_shape *values, csep_shape *y)
{
    for (int i = 1; i < s->source_count; i++)
        if (csep_is_pixel(y))
            *y = values[s->sources[i]];
    const csep_shape pixel = {y->batch, 1, 1, y->channels};
    for (int i = 0; i < s->source_count; i++) {
        const csep_shape *x = &values[s->sources[i]];
        if (!csep_same_shape(x, y) && !csep_same_shape(x, &pixel))
            return CSEP_BAD_SHAPE;
    }
    const int arrays = s->scales || s->shift || s->slopes;
    return arrays && s->channels != y->channels ? CSEP_BAD_SHAPE : CSEP_OK;
}

static csep_status concatenate(const csep_step *s, const csep_shape *values, csep_shape *y)
{
    for (int i = 1; i < s->source_count; i++) {
        csep_shape x = values[s->sources[i]];
        if (__builtin_add_overflow(y->channels, x.channels, &y->channels))
            return CSEP_BAD_SHAPE;
        x.channels = y->channels;
        if (!csep_same_shape(&x, y))
            return CSEP_BAD_SHAPE;
    }
    return CSEP_OK;
}

static int resized(int64_t size, int64_t to, int64_t factor, int64_t *result)
{
    *result = to;
    return to || !__builtin_mul_overflow(size, factor, result);
}

static csep_status reshape(const csep_step *s, const csep_shape *x, csep_shape *y)
{
    *y = (csep_shape){x->batch, s->height, s->width, s->channels};
    csep_shape one = *y, other = *x;
    one.batch = other.batch = 1;
    return fits(&one) && csep_elements(&one) == csep_elements(&other) ? CSEP_OK : CSEP_BAD_SHAPE;
}

csep_status csep_step_shape(const csep_network *n, int index, const csep_shape *values,
                            csep_shape *y, csep_geometry *geometry)
{
    const csep_step *s = &n->step[index];
    const csep_shape *x = &values[s->sources[0]];
    csep_status status = CSEP_OK;
    *y = *x;
    switch (s->kind) {
    case CSEP_STEP_CONVOLVE:
        status = slide(n, s, &s->plan->desc, x, y, geometry);
        if (status == CSEP_OK && s->source_count == 2 &&
            !csep_same_shape(&values[s->sources[1]], y))
            status = CSEP_BAD_SHAPE;
        break;
    case CSEP_STEP_MAX_POOL:
    case CSEP_STEP_AVERAGE_POOL: status = pool(n, s, x, y, geometry); break;
    case CSEP_STEP_ADD:
    case CSEP_STEP_MULTIPLY: status = elementwise(s, values, y); break;
    case CSEP_STEP_CONCAT: status = concatenate(s, values, y); break;
    case CSEP_STEP_GLOBAL_MAX:
    case CSEP_STEP_GLOBAL_AVERAGE: y->height = y->width = 1; break;
    case CSEP_STEP_NEAREST:
    case CSEP_STEP_BILINEAR:
        if (!resized(x->height, s->height, s->factor_h, &y->height) ||
            !resized(x->width, s->width, s->factor_w, &y->width))
            status = CSEP_BAD_SHAPE;
        break;
    case CSEP_STEP_PAD:
        if (__builtin_add_overflow(x->height, s->input.pad_top + s->input.pad_bottom, &y->height) ||
            __builtin_add_overflow(x->width, s->input.pad_left + s->input.pad_right, &y->width))
            status = CSEP_BAD_SHAPE;
        break;
    case CSEP_STEP_SOFTMAX: break;
    case CSEP_STEP_RESHAPE: status = reshape(s, x, y); break;
    }
    return status != CSEP_OK ? status : fits(y) ? CSEP_OK : CSEP_BAD_SHAPE;
}

csep_status csep_infer_shapes(const csep_network *n, const csep_shape *inputs, csep_shape *values,
                              csep_geometry *geometries, int *bad_step)
{
    csep_geometry unread;
    *bad_step = -1;
    for (int i = 0; i < n->inputs; i++) {
        if (!fits(&inputs[i]) || inputs[i].batch != inputs[0].batch)
            return CSEP_BAD_SHAPE;
        values[i] = inputs[i];
    }
    for (int i = 0; i < n->steps; i++) {
        csep_geometry *geometry = geometries ? &geometries[i] : &unread;
        const csep_status status = csep_step_shape(n, i, values, &values[n->inputs + i], geometry);
        if (status != CSEP_OK) {
            *bad_step = i;
            return status;
        }
    }
    return CSEP_OK;
}
