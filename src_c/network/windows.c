#include "network/windows.h"

#include <string.h>

/* A number in the type that sums are held in. */
typedef union real_number {
    float f32;
    double f64;
} real_number;

static real_number real_of(double value, int size)
{
    real_number r = {.f64 = value};
    if (size == sizeof(float))
        r.f32 = (float)value;
    return r;
}

/* The input pixels that window number `index` sees along one side. */
typedef struct range {
    int64_t first, count;
} range;

static range seen(int64_t index, int64_t stride, int64_t before, int64_t window, int64_t size)
{
    const int64_t from = index * stride - before;
    const int64_t first = max64(from, 0);
    return (range){first, min64(from + window, size) - first};
}

void csep_run_pool(void *context, int64_t number, int thread)
{
    (void)thread;
    const csep_step_context *c = context;
    const csep_step *s = c->step;
    const csep_kernels *kernels = csep_step_kernels(c);
    const csep_input *in = &c->call->prepared->step[c->index].geometry.input;
    const csep_shape *x = csep_source_shape(c, 0), *y = csep_result_shape(c);
    const int64_t step = csep_result_step(c);
    csep_combine_job job = {
        .row_step = x->width * x->channels, .column_step = x->channels, .channels = x->channels};
    for (int64_t row = csep_first_unit(c, number); row < csep_end_unit(c, number); row++) {
        const int64_t image = row / y->height;
        const range rows = seen(row % y->height, s->stride_h, in->pad_top, s->window_h, x->height);
        for (int64_t column = 0; column < y->width; column++) {
            const range columns = seen(column, s->stride_w, in->pad_left, s->window_w, x->width);
            const double pixels = (double)rows.count * (double)columns.count;
            const real_number factor = real_of(1 / pixels, kernels->size);
            const int64_t pixel = (image * x->height + rows.first) * x->width + columns.first;
            job.x = at(csep_source_memory(c, 0), pixel * x->channels, kernels->size);
            job.rows = rows.count;
            job.columns = columns.count;
            job.factor = s->kind == CSEP_STEP_AVERAGE_POOL ? &factor : NULL;
            job.y = at_mut(csep_result_memory(c), (row * y->width + column) * step, kernels->size);
            kernels->combine(&job);
        }
    }
}

void csep_run_global_pool(void *context, int64_t number, int thread)
{
    (void)thread;
    const csep_step_context *c = context;
    const csep_kernels *kernels = csep_step_kernels(c);
    const csep_shape *x = csep_source_shape(c, 0);
    const int64_t pixels = x->height * x->width;
    const int64_t blocks = ceil_div(x->channels, CSEP_POOLED_CHANNELS);
    const real_number factor = real_of(1 / (double)pixels, kernels->size);
    for (int64_t unit = csep_first_unit(c, number); unit < csep_end_unit(c, number); unit++) {
        const int64_t image = unit / blocks, channel = unit % blocks * CSEP_POOLED_CHANNELS;
        const csep_combine_job job = {
            .x =
                at(csep_source_memory(c, 0), image * pixels * x->channels + channel, kernels->size),
            .rows = 1,
            .columns = pixels,
            .column_step = x->channels,
            .factor = c->step->kind == CSEP_STEP_GLOBAL_AVERAGE ? &factor : NULL,
            .channels = min64(x->channels - channel, CSEP_POOLED_CHANNELS),
            .y = at_mut(csep_result_memory(c), image * x->channels + channel, kernels->size),
        };
        kernels->combine(&job);
    }
}

/* Where output pixel `index` of `out` lies between the `in` pixels of one side, counted from the
 * centre of the first. */
static double centre(int64_t index, int64_t in, int64_t out)
{
    return ((double)index + 0.5) * ((double)in / (double)out) - 0.5;
}

static int64_t nearest(int64_t index, int64_t in, int64_t out)
{
    return (int64_t)((unsigned __int128)(2 * index + 1) * (uint64_t)in / (2 * (uint64_t)out));
}

void csep_run_nearest(void *context, int64_t number, int thread)
{
    (void)thread;
    const csep_step_context *c = context;
    const csep_shape *x = csep_source_shape(c, 0), *y = csep_result_shape(c);
    const int size = csep_step_kernels(c)->size;
    const int64_t bytes = x->channels * size, step = csep_result_step(c) * size;
    for (int64_t row = csep_first_unit(c, number); row < csep_end_unit(c, number); row++) {
        const int64_t from_row =
            row / y->height * x->height + nearest(row % y->height, x->height, y->height);
        const char *from = (const char *)csep_source_memory(c, 0) + from_row * x->width * bytes;
        char *to = (char *)csep_result_memory(c) + row * y->width * step;
        for (int64_t column = 0; column < y->width; column++)
            memcpy(to + column * step, from + nearest(column, x->width, y->width) * bytes,
                   (size_t)bytes);
    }
}

/* The two pixels beside a point of one side, and how much of the second is to be taken. */
typedef struct between {
    int64_t first, step; /* step 0: both are the same */
    double part;
} between;

static between pixels_beside(int64_t index, int64_t in, int64_t out)
{
    const double point = centre(index, in, out);
    const int64_t below = point < 0 ? -1 : (int64_t)point;
    const int64_t first = max64(below, 0), second = min64(below + 1, in - 1);
    return (between){first, second - first, point - (double)below};
}

/* How much of the first and of the second of two. */
static void fill_parts(const between *b, int size, char *parts)
{
    const real_number first = real_of(1 - b->part, size), second = real_of(b->part, size);
    memcpy(parts, &first, (size_t)size);
    memcpy(parts + size, &second, (size_t)size);
}

/* The two rows become one in scratch, then pixels of that one are taken two by two. */
void csep_run_bilinear(void *context, int64_t number, int thread)
{
    const csep_step_context *c = context;
    const csep_kernels *kernels = csep_step_kernels(c);
    const csep_shape *x = csep_source_shape(c, 0), *y = csep_result_shape(c);
    const int size = kernels->size;
    const int64_t row_elements = csep_row_elements(x), step = csep_result_step(c);
    char parts[2 * sizeof(double)];
    void *blended = c->scratch + thread * c->call->prepared->scratch_bytes;
    for (int64_t row = csep_first_unit(c, number); row < csep_end_unit(c, number); row++) {
        const between rows = pixels_beside(row % y->height, x->height, y->height);
        const int64_t top = row / y->height * x->height + rows.first;
        csep_combine_job job = {
            .x = at(csep_source_memory(c, 0), top * row_elements, size),
            .rows = 1,
            .columns = 2,
            .column_step = rows.step * row_elements,
            .factor = parts,
            .factor_step = 1,
            .channels = row_elements,
            .y = blended,
        };
        fill_parts(&rows, size, parts);
        kernels->combine(&job);
        job.channels = x->channels;
        for (int64_t column = 0; column < y->width; column++) {
            const between columns = pixels_beside(column, x->width, y->width);
            fill_parts(&columns, size, parts);
            job.x = at(blended, columns.first * x->channels, size);
            job.column_step = columns.step * x->channels;
            job.y = at_mut(csep_result_memory(c), (row * y->width + column) * step, size);
            kernels->combine(&job);
        }
    }
}

void csep_run_pad(void *context, int64_t number, int thread)
{
    (void)thread;
    const csep_step_context *c = context;
    const csep_input *in = &c->step->input;
    const csep_shape *x = csep_source_shape(c, 0), *y = csep_result_shape(c);
    const int64_t bytes = x->channels * csep_step_kernels(c)->size;
    const int64_t left = max64(in->pad_left, 0), skipped = max64(-in->pad_left, 0);
    const int64_t kept = max64(min64(x->width - skipped, y->width - left), 0);
    for (int64_t row = csep_first_unit(c, number); row < csep_end_unit(c, number); row++) {
        char *to = (char *)csep_result_memory(c) + row * y->width * bytes;
        const int64_t from_row = row % y->height - in->pad_top;
        if (from_row < 0 || from_row >= x->height || kept == 0) {
            memset(to, 0, (size_t)(y->width * bytes));
            continue;
        }
        const int64_t from = (row / y->height * x->height + from_row) * x->width + skipped;
        memset(to, 0, (size_t)(left * bytes));
        memcpy(to + left * bytes, (const char *)csep_source_memory(c, 0) + from * bytes,
               (size_t)(kept * bytes));
        memset(to + (left + kept) * bytes, 0, (size_t)((y->width - left - kept) * bytes));
    }
}
