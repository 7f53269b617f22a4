#include "model.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrays.h"

/* What a file is turned into, and what that points to. */
typedef struct reader {
    const archive *file;
    int step;         /* the one that is read */
    const char *what; /* is wrong */
    model *m;
    csep_step *steps;
    int *sources; /* of all steps, one after the other */
    const void *(*scales)[CSEP_MAX_ADDED];
} reader;

/* Says what is wrong, the first time; returns 0. */
static int wrong(reader *r, const char *what)
{
    if (!r->what)
        r->what = what;
    return 0;
}

/* The array of a step, or NULL. */
static const array *own(const reader *r, const char *name)
{
    char full[64];
    snprintf(full, sizeof full, "%d.%s", r->step, name);
    return find(r->file, full);
}

/* The numbers of a step's array, which must be so many; NULL where it has none. */
static const float *vector(reader *r, const char *name, int64_t count)
{
    const array *a = own(r, name);
    if (a && a->count != count)
        wrong(r, "an array of another size");
    return a && a->count == count ? a->data : NULL;
}

static const char *text_of(const cJSON *object, const char *name)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return text ? text : "";
}

static int64_t number(const cJSON *item)
{
    const double value = cJSON_IsNumber(item) ? item->valuedouble : -1;
    return value >= -CSEP_MAX_STEP && value <= CSEP_MAX_STEP ? (int64_t)value : -1;
}

/* Reads "name": [a, b]; leaves both as they are where it is not there. */
static void pair(const cJSON *object, const char *name, int64_t *a, int64_t *b)
{
    const cJSON *items = cJSON_GetObjectItemCaseSensitive(object, name);
    if (cJSON_GetArraySize(items) < 2)
        return;
    *a = number(cJSON_GetArrayItem(items, 0));
    *b = number(cJSON_GetArrayItem(items, 1));
}

/* Reads [[top, bottom], [left, right]], or the name of a padding. */
static void read_padding(reader *r, const cJSON *settings, const char *name, csep_input *input)
{
    const cJSON *padding = cJSON_GetObjectItemCaseSensitive(settings, name);
    const char *text = cJSON_GetStringValue(padding);
    if (cJSON_IsArray(padding)) {
        const cJSON *rows = cJSON_GetArrayItem(padding, 0),
                    *columns = cJSON_GetArrayItem(padding, 1);
        input->pad_top = number(cJSON_GetArrayItem(rows, 0));
        input->pad_bottom = number(cJSON_GetArrayItem(rows, 1));
        input->pad_left = number(cJSON_GetArrayItem(columns, 0));
        input->pad_right = number(cJSON_GetArrayItem(columns, 1));
    } else if (text && strcmp(text, "SAME") == 0) {
        input->padding = CSEP_SAME;
    } else if (text && strcmp(text, "SAME_LOWER") == 0) {
        input->padding = CSEP_SAME_LOWER;
    } else if (text && strcmp(text, "VALID") != 0) {
        wrong(r, "another padding");
    }
    static const char *const modes[] = {"zeros", "reflect", "replicate", "circular"};
    const char *mode = text_of(settings, "mode");
    for (int i = 0; i < 4; i++)
        if (strcmp(mode, modes[i]) == 0)
            input->padding_mode = (csep_padding_mode)i;
}

/* Reads null, a name, [name, number] or ["prelu", null]. */
static void read_activation(reader *r, const cJSON *settings, const char *name,
                            csep_activation *result)
{
    /* In the order of csep_activation_kind; csep writes CSEP_CLIPPED_RELU as ["relu", number]. */
    static const char *const names[] = {
        "linear", "relu", "relu6",        "leaky_relu", "elu",  "sigmoid",
        "tanh",   "silu", "hard_sigmoid", "hard_silu",  "gelu", "gelu_tanh",
        "",       "selu", "mish",         "softplus",   "prelu"};
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(settings, name);
    if (!item || cJSON_IsNull(item))
        return;
    const cJSON *first = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, 0) : item;
    const cJSON *alpha = cJSON_IsArray(item) ? cJSON_GetArrayItem(item, 1) : NULL;
    const char *text = cJSON_GetStringValue(first);
    int kind = CSEP_LAST_ACTIVATION;
    while (kind >= 0 && (!text || strcmp(text, names[kind]) != 0))
        kind--;
    if (kind < 0) {
        wrong(r, "another activation");
        return;
    }
    result->kind = (csep_activation_kind)kind;
    result->alpha = kind == CSEP_LEAKY_RELU ? 0.2 : kind == CSEP_ELU ? 1.0 : 0.0;
    if (cJSON_IsNumber(alpha)) {
        result->alpha = alpha->valuedouble;
        if (kind == CSEP_RELU)
            result->kind = CSEP_CLIPPED_RELU;
    }
}

/* The channels of a convolution, from the shapes of its weights. */
static int read_channels(reader *r, csep_conv_desc *d, const array *dw, const array *pw,
                         const array *w)
{
    const array *window = dw ? dw : w;
    if ((window && window->rank != 4) || (pw && pw->rank != 2) || (!window && !pw))
        return wrong(r, "weights of another rank");
    d->kernel_h = window ? window->shape[0] : 1;
    d->kernel_w = window ? window->shape[1] : 1;
    d->channel_multiplier = 1;
    if (dw) {
        d->kind = pw ? CSEP_SEPARABLE : CSEP_DEPTHWISE;
        d->channel_multiplier = dw->shape[3];
        if (d->channel_multiplier < 1)
            return wrong(r, "a channel multiplier below 1");
        d->in_channels = pw ? pw->shape[0] / d->channel_multiplier : dw->shape[2];
        d->shared_kernel = dw->shape[2] == 1 && d->in_channels > 1;
        d->out_channels = pw ? pw->shape[1] : dw->shape[2] * dw->shape[3];
        if ((!d->shared_kernel && dw->shape[2] != d->in_channels) ||
            (pw && pw->shape[0] != d->in_channels * d->channel_multiplier))
            return wrong(r, "weights of shapes that do not fit");
    } else if (w) {
        d->kind = CSEP_CONV;
        if (d->groups < 0 || d->groups > CSEP_MAX_STEP || w->shape[2] > CSEP_MAX_STEP)
            return wrong(r, "groups that cannot be");
        d->in_channels = w->shape[2] * d->groups;
        d->out_channels = w->shape[3];
    } else {
        d->kind = CSEP_CONV;
        d->in_channels = pw->shape[0];
        d->out_channels = pw->shape[1];
    }
    return 1;
}

/* Makes the plan of a step. */
static int read_plan(reader *r, const cJSON *said, csep_step *step)
{
    const cJSON *settings = cJSON_GetObjectItemCaseSensitive(said, "settings");
    const cJSON *groups = cJSON_GetObjectItemCaseSensitive(settings, "groups");
    const char *name = text_of(said, "operator"), *layout = text_of(settings, "data_format");
    if (strstr(name, "Conv2D") == NULL || strcmp(layout, "NHWC") != 0)
        return wrong(r, "an operator that is no 2-D convolution of channels last");
    csep_conv_desc d = {.dtype = CSEP_F32, .groups = groups ? number(groups) : 1};
    const array *dw = own(r, "dw"), *pw = own(r, "pw"), *w = own(r, "w");
    if (!read_channels(r, &d, dw, pw, w))
        return 0;
    d.stride_h = d.stride_w = d.dilation_h = d.dilation_w = 1;
    pair(settings, "strides", &d.stride_h, &d.stride_w);
    pair(settings, "dilations", &d.dilation_h, &d.dilation_w);
    read_activation(r, settings, "activation", &d.activation);
    read_activation(r, settings, "depthwise_activation", &d.depthwise_activation);
    read_padding(r, settings, "padding", &step->input);
    step->input.dtype = CSEP_F32;
    const int64_t depth = d.in_channels * d.channel_multiplier;
    const csep_weights weights = {.dw = dw ? dw->data : NULL,
                                  .dw_bias = vector(r, "depthwise_bias", depth),
                                  .pw = dw && pw ? pw->data : NULL,
                                  .w = w           ? w->data
                                       : pw && !dw ? pw->data
                                                   : NULL,
                                  .bias = vector(r, "bias", d.out_channels),
                                  .dw_slopes = vector(r, "depthwise_activation", depth),
                                  .slopes = vector(r, "activation", d.out_channels)};
    if (r->what)
        return 0;
    csep_plan *plan;
    const csep_status status = csep_plan_create(&plan, &d, &weights);
    if (status != CSEP_OK)
        return wrong(r, csep_status_string(status));
    r->m->plans[r->m->plan_count++] = plan;
    step->plan = plan;
    return 1;
}

/* The scales, shift and slopes of a sum. */
static void read_sum(reader *r, const cJSON *settings, csep_step *step)
{
    const char *const names[] = {"scale0", "scale1", "scale2", "scale3", "scale4",
                                 "scale5", "scale6", "scale7", "shift",  "activation"};
    for (int i = 0; i < 10; i++)
        if (own(r, names[i]))
            step->channels = own(r, names[i])->count;
    int scaled = 0;
    for (int i = 0; i < CSEP_MAX_ADDED; i++) {
        r->scales[r->step][i] = vector(r, names[i], step->channels);
        scaled |= r->scales[r->step][i] != NULL;
    }
    step->scales = scaled ? r->scales[r->step] : NULL;
    step->shift = vector(r, "shift", step->channels);
    step->slopes = vector(r, "activation", step->channels);
    read_activation(r, settings, "activation", &step->activation);
}

/* Reads one step: what C does not check itself. */
static int read_step(reader *r, const cJSON *said)
{
    static const char *const kinds[] = {"convolve",
                                        "add",
                                        "multiply",
                                        "max_pool",
                                        "average_pool",
                                        "global_max_pool",
                                        "global_average_pool",
                                        "concat",
                                        "nearest",
                                        "bilinear",
                                        "pad",
                                        "softmax",
                                        "reshape"};
    csep_step *step = &r->steps[r->step];
    const cJSON *settings = cJSON_GetObjectItemCaseSensitive(said, "settings");
    const cJSON *as = cJSON_GetObjectItemCaseSensitive(said, "as");
    const cJSON *sources = cJSON_GetObjectItemCaseSensitive(said, "sources"), *source;
    const char *name = text_of(said, "kind");
    int kind = CSEP_LAST_STEP;
    while (kind >= 0 && strcmp(name, kinds[kind]) != 0)
        kind--;
    if (kind < 0)
        return wrong(r, "another kind of step");
    step->kind = (csep_step_kind)kind;
    int *next = r->sources;
    step->sources = next;
    cJSON_ArrayForEach(source, sources) *next++ = (int)number(source);
    step->source_count = (int)(next - r->sources);
    r->sources = next;
    if (as) { /* the operator of a step before it */
        const int64_t first = number(as);
        if (first < 0 || first >= r->step || !r->steps[first].plan)
            return wrong(r, "an operator that is not there");
        step->plan = r->steps[first].plan;
        step->input = r->steps[first].input;
        return 1;
    }
    if (kind == CSEP_STEP_CONVOLVE)
        return read_plan(r, said, step);
    if (kind == CSEP_STEP_ADD || kind == CSEP_STEP_MULTIPLY)
        read_sum(r, settings, step);
    if (kind == CSEP_STEP_MAX_POOL || kind == CSEP_STEP_AVERAGE_POOL)
        read_padding(r, settings, "padding", &step->input);
    if (kind == CSEP_STEP_PAD)
        read_padding(r, settings, "border", &step->input);
    pair(settings, "window", &step->window_h, &step->window_w);
    pair(settings, "strides", &step->stride_h, &step->stride_w);
    pair(settings, "size", &step->height, &step->width);
    pair(settings, "factor", &step->factor_h, &step->factor_w);
    const cJSON *shape = cJSON_GetObjectItemCaseSensitive(settings, "shape");
    if (shape) {
        pair(settings, "shape", &step->height, &step->width);
        step->channels = number(cJSON_GetArrayItem(shape, 2));
    }
    return r->what == NULL;
}

/* Reads all steps and makes the network of them. */
static int read_steps(reader *r, const cJSON *network)
{
    const cJSON *steps = cJSON_GetObjectItemCaseSensitive(network, "steps"), *said;
    const cJSON *outputs = cJSON_GetObjectItemCaseSensitive(network, "outputs");
    const cJSON *inputs = cJSON_GetObjectItemCaseSensitive(network, "inputs");
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(cJSON_GetArrayItem(outputs, 0), "value");
    const int count = cJSON_GetArraySize(steps);
    int64_t sources = 0;
    cJSON_ArrayForEach(said, steps) sources +=
        cJSON_GetArraySize(cJSON_GetObjectItemCaseSensitive(said, "sources"));
    if (cJSON_GetArraySize(inputs) != 1 || count < 1 || count > CSEP_MAX_STEPS ||
        strcmp(text_of(network, "dtype"), "float32") != 0)
        return wrong(r, "no network of one input and of float32");
    r->steps = calloc((size_t)count, sizeof *r->steps);
    r->scales = calloc((size_t)count, sizeof *r->scales);
    r->m->plans = calloc((size_t)count, sizeof *r->m->plans);
    int *all = r->sources = calloc((size_t)sources + 1, sizeof *r->sources);
    int done = r->steps && r->scales && r->m->plans && all;
    cJSON_ArrayForEach(said, steps)
    {
        done = done && read_step(r, said);
        r->step += done;
    }
    if (done) {
        model *m = r->m;
        m->value_count = 1 + count;
        m->output = (int)number(value);
        const int64_t last = m->output - 1;
        said = cJSON_GetArrayItem(steps, last >= 0 && last < count ? (int)last : 0);
        m->output_rank = (int)number(cJSON_GetObjectItemCaseSensitive(said, "rank"));
        const csep_status status =
            csep_network_create(&m->network, CSEP_F32, 1, r->steps, count, &m->output, 1);
        done = status == CSEP_OK || wrong(r, csep_status_string(status));
    }
    free(r->steps);
    free((void *)r->scales);
    free(all);
    return done || wrong(r, "no memory");
}

int load_model(const char *path, model *result)
{
    archive file;
    *result = (model){0};
    if (!read_npz(path, &file))
        return 0;
    reader r = {.file = &file, .m = result};
    cJSON *json = file.description ? cJSON_Parse(file.description) : NULL;
    const cJSON *network = cJSON_GetObjectItemCaseSensitive(json, "network");
    const int done = network ? read_steps(&r, network) : wrong(&r, "no network");
    if (!done) {
        fprintf(stderr, "%s: step %d: %s\n", path, r.step, r.what);
        free_model(result);
    }
    cJSON_Delete(json);
    free_archive(&file);
    return done;
}

void free_model(model *m)
{
    csep_network_destroy(m->network);
    for (int i = 0; i < m->plan_count; i++)
        csep_plan_destroy(m->plans[i]);
    free(m->plans);
    *m = (model){0};
}
