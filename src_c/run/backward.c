#include "run/backward.h"

#include <stddef.h>
#include <string.h>

#include "plan/arith.h"
#include "plan/sizes.h"
#include "run/backward_input.h"
#include "run/backward_strip.h"
#include "run/backward_weights.h"
#include "run/rows.h"

/* Of a strip's gradient of the first stage's result: half of the smallest L2 there is, whatever
 * this one's, as the bits depend on it. */
enum { STRIP_BYTES = 256 << 10 };
/* Parts have sums of their own: no more of them than this, nor bytes of their sums.  Clearing and
 * adding up those of a part takes as long as a few pixels: with less than this many pixels in a
 * part, more than 3 % of the pass. */
enum { MOST_PARTS = 16, MOST_SUM_BYTES = 64 << 20, LEAST_PIXELS = 256 };
enum { JOB_NUMBERS = 8192 };
/* Fewer parts than this leave threads without work; columns of a job that has a block of them: the
 * first stage is computed again for each block. */
enum { FEW_PARTS = 4, BLOCK_COLUMNS = 256 };

static int64_t elements_of_pixel(const csep_backward_pass *b)
{
    const csep_plan *p = b->plan->forward;
    return max64(p->depth * p->groups, p->desc.out_channels);
}

/* Rows of a strip: as many as lie in L2 with those around them, but some strips for each thread. */
static void cut_images(csep_backward_pass *b)
{
    const csep_plan *p = b->plan->forward;
    const csep_geometry *g = b->geometry;
    const int64_t row = g->out_w * elements_of_pixel(b) * p->kernels->size;
    const int64_t around = max64(csep_reach_h(&p->desc) - p->desc.stride_h, 0);
    const int64_t small = max64(around, 1), batch = g->input.batch;
    int64_t rows = max64(STRIP_BYTES / row - around, small);
    rows = min64(rows, max64(ceil_div(batch * g->out_h, MOST_PARTS), small));
    b->strips_of_image = ceil_div(g->out_h, min64(rows, g->out_h));
    b->strips = b->strips_of_image * batch;
}

/* What is to be summed. */
static void find_sums(csep_backward_pass *b)
{
    const csep_plan *p = b->plan->forward;
    const csep_conv_desc *d = &p->desc;
    const csep_gradients *g = &b->gradients;
    const int conv = d->kind == CSEP_CONV, separable = d->kind == CSEP_SEPARABLE;
    const int flat = d->channel_multiplier == 1 && d->stride_w == 1;
    b->together = flat ? max64(p->kernels->vl / p->depth, 1) : 1;
    b->tap_sums = p->depth * b->together;
    b->sum[CSEP_SUM_DW] = (csep_gradient_sum){.count = d->kernel_h * d->kernel_w * b->tap_sums,
                                              .to = conv ? NULL : g->dw};
    b->sum[CSEP_SUM_DW_BIAS] =
        (csep_gradient_sum){.count = p->depth, .to = separable ? g->dw_bias : NULL};
    b->sum[CSEP_SUM_MATRIX] = (csep_gradient_sum){.count = p->depth * d->out_channels,
                                                  .to = conv        ? g->w
                                                        : separable ? g->pw
                                                                    : NULL};
    b->sum[CSEP_SUM_BIAS] = (csep_gradient_sum){.count = d->out_channels, .to = g->bias};
}

/* How many parts are worth their sums. */
static int64_t parts_worth(const csep_backward_pass *b, int64_t elements)
{
    const int64_t pixels = b->geometry->input.batch * b->geometry->out_h * b->geometry->out_w;
    const int64_t bytes = max64(elements * b->plan->forward->kernels->size, 1);
    return max64(min64(min64(pixels / LEAST_PIXELS, MOST_SUM_BYTES / bytes), MOST_PARTS), 1);
}

/* A matrix's gradient over strips of few pixels would take longer to load and store than to
 * compute, and a few parts are too few for many threads.  It is then computed over the rows of all
 * images, some columns at a time, where what it takes need not be computed again. */
static int is_apart(const csep_backward_pass *b)
{
    const csep_plan *p = b->plan->forward;
    const csep_gradient_sum *matrix = &b->sum[CSEP_SUM_MATRIX];
    const int64_t rows = b->geometry->out_h / b->strips_of_image;
    const int few_pixels = 2 * rows * b->geometry->out_w < csep_gradient_pixels(b);
    return matrix->to && p->groups == 1 && p->desc.activation.kind == CSEP_LINEAR &&
           (few_pixels || parts_worth(b, matrix->count) < FEW_PARTS);
}

/* In how many parts, and where these are. */
static void lay_out_sums(csep_backward_pass *b)
{
    const csep_plan *p = b->plan->forward;
    csep_gradient_sum *matrix = &b->sum[CSEP_SUM_MATRIX];
    int64_t at = 0;
    const int apart = is_apart(b);
    b->column_blocks = apart ? ceil_div(p->group_columns, BLOCK_COLUMNS) : 0;
    for (csep_gradient_sum *s = b->sum; s < b->sum + CSEP_GRADIENT_SUMS; s++) {
        if (!s->to || (s == matrix && apart))
            continue;
        s->at = at;
        at += round_up(s->count, p->kernels->vl);
    }
    b->part_elements = round_up(at, 64);
    b->parts = min64(b->strips, at ? parts_worth(b, at) : MOST_PARTS);
    for (csep_gradient_sum *s = b->sum; s < b->sum + CSEP_GRADIENT_SUMS; s++) {
        s->parts = b->parts;
        s->step = b->part_elements;
    }
    at = b->part_elements * b->parts;
    if (apart) {
        const int64_t rows = b->geometry->input.batch * b->geometry->out_h;
        matrix->parts = min64(parts_worth(b, matrix->count), rows);
        matrix->at = at;
        matrix->step = round_up(matrix->count, 64);
        at += matrix->step * matrix->parts;
    }
    b->sums_bytes = at * p->kernels->size;
}

/* Of a strip's convolutions, the most bytes of scratch.  Fewer rows may want more: they are dealt
 * to tiles otherwise. */
static int64_t convolution_scratch(const csep_backward_pass *b, const csep_strip *s)
{
    const csep_plan *p = b->plan->forward, *back = b->plan->back;
    const int64_t rows = s->to - s->fresh;
    int64_t bytes = 0;
    if (rows == 0)
        return 0;
    const csep_call sums = csep_plain_call(&b->plan->sums, b->geometry);
    if (p->desc.activation.kind != CSEP_LINEAR)
        bytes = csep_scratch_of_rows(&sums, s->fresh, s->to);
    const csep_geometry pixels = csep_pixels_of_rows(b, rows);
    const csep_call product = csep_plain_call(back, &pixels);
    if (back && b->needs_stage)
        bytes = max64(bytes, csep_scratch_of_rows(&product, 0, rows));
    return bytes;
}

/* The most that a strip wants for its convolutions and for a phase of x's gradient, and its rows;
 * each strip may be the first of a part or follow another. */
static int64_t most_scratch(const csep_backward_pass *b, int64_t *most_rows, int64_t *phase_numbers)
{
    int64_t bytes = 0;
    *most_rows = *phase_numbers = 0;
    for (int64_t i = 0; i < b->strips_of_image; i++) {
        const csep_strip s = csep_find_strip(b, i, 0), following = csep_find_strip(b, i, 1);
        int64_t of_phases, numbers;
        csep_count_input_scratch(b, &s, &of_phases, &numbers);
        bytes = max64(bytes, of_phases);
        bytes = max64(bytes, convolution_scratch(b, &s));
        bytes = max64(bytes, convolution_scratch(b, &following));
        *most_rows = max64(*most_rows, s.to - s.from);
        *phase_numbers = max64(*phase_numbers, numbers);
    }
    return bytes;
}

/* The next piece of scratch, of so many numbers. */
static int64_t piece(int64_t *at, int64_t numbers, int size)
{
    const int64_t begin = *at;
    *at += round_up(numbers * size, CSEP_TASK_ALIGNMENT);
    return begin;
}

static void lay_out_scratch(csep_backward_pass *b)
{
    const csep_plan *p = b->plan->forward;
    const csep_conv_desc *d = &p->desc;
    const int size = p->kernels->size;
    const int64_t vl = p->kernels->vl, out_w = b->geometry->out_w, co = d->out_channels;
    const int64_t depth = round_up(p->depth, vl);
    int64_t rows, phase, at = 0;
    const int64_t tile = most_scratch(b, &rows, &phase);
    const int64_t pixels = csep_gradient_pixels(b);
    const int64_t between = d->depthwise_activation.kind == CSEP_LINEAR ? 0 : rows * out_w;
    b->ds_at = piece(&at, d->activation.kind == CSEP_LINEAR ? 0 : rows * out_w * co, size);
    b->du_at = piece(&at, b->plan->back ? rows * out_w * p->depth : 0, size);
    b->between_at = piece(&at, max64(between * p->depth, pixels * depth), size);
    b->rows_at = piece(&at, round_up(pixels, vl) * depth, size);
    b->columns_at =
        piece(&at, max64(pixels * round_up(p->group_columns, vl), max64(depth, co)), size);
    b->phase_at = piece(&at, phase, size);
    b->tile_at = piece(&at, tile, 1);
    b->scratch_step = at;
}

void csep_prepare_backward(csep_backward_pass *b)
{
    const csep_gradients *g = &b->gradients;
    const int conv = b->plan->forward->desc.kind == CSEP_CONV;
    cut_images(b);
    find_sums(b);
    lay_out_sums(b);
    b->needs_stage = !conv && (g->dw || g->dw_bias || g->x);
    lay_out_scratch(b);
}

/* The strips of a part, one after the other. */
static void run_strips(const csep_backward_pass *b, int64_t part, char *scratch)
{
    const int64_t bytes = b->part_elements * b->plan->forward->kernels->size;
    char *sums = b->sums + part * bytes;
    memset(sums, 0, (size_t)bytes);
    const int64_t first = share(b->strips, part, b->parts);
    for (int64_t i = first; i < share(b->strips, part + 1, b->parts); i++)
        csep_run_strip(b, i, i > first, sums, scratch);
}

/* A part of the strips, or of the matrix's gradient where that is apart. */
static void run_part(void *context, int64_t job, int thread)
{
    const csep_backward_pass *b = context;
    char *scratch = b->scratch + thread * b->scratch_step;
    if (job < b->parts) {
        run_strips(b, job, scratch);
        return;
    }
    const csep_gradient_sum *matrix = &b->sum[CSEP_SUM_MATRIX];
    const int64_t part = (job - b->parts) / b->column_blocks;
    const int64_t block = (job - b->parts) % b->column_blocks;
    void *sums = at_mut(b->sums, matrix->at + part * matrix->step, b->plan->forward->kernels->size);
    csep_add_matrix_part(b, part, block, sums, scratch);
}

static int64_t jobs_of(const csep_gradient_sum *s)
{
    return s->to ? ceil_div(s->count, JOB_NUMBERS) : 0;
}

static int taps_are_folded(const csep_backward_pass *b)
{
    return b->together > 1 || b->plan->forward->desc.shared_kernel;
}

/* Numbers of one gradient: the parts' sums, added to the first's in order. */
static void add_parts(void *context, int64_t job, int thread)
{
    (void)thread;
    const csep_backward_pass *b = context;
    const csep_plan *p = b->plan->forward;
    const int size = p->kernels->size;
    const csep_gradient_sum *s = b->sum;
    for (; job >= jobs_of(s); s++)
        job -= jobs_of(s);
    const int64_t first = job * JOB_NUMBERS, count = min64(s->count - first, JOB_NUMBERS);
    void *total = at_mut(b->sums, s->at + first, size);
    for (int64_t part = 1; part < s->parts; part++)
        csep_add_numbers(p->kernels, total, at(total, part * s->step, size), count);
    if (s != &b->sum[CSEP_SUM_DW] || !taps_are_folded(b))
        memcpy(at_mut(s->to, first, size), total, (size_t)(count * size));
}

/* One tap: the sums of pixels that were taken together are added up, and those of channels that
 * share a kernel. */
static void fold_tap(void *context, int64_t tap, int thread)
{
    (void)thread;
    const csep_backward_pass *b = context;
    const csep_plan *p = b->plan->forward;
    const int64_t own = p->desc.shared_kernel ? p->desc.channel_multiplier : p->depth;
    const int size = p->kernels->size;
    const csep_gradient_sum *s = &b->sum[CSEP_SUM_DW];
    csep_sum_pixels(p->kernels, at(b->sums, s->at + tap * b->tap_sums, size), b->tap_sums / own,
                    own, at_mut(s->to, tap * own, size));
}

int64_t csep_backward_jobs(const csep_backward_pass *b)
{
    return b->parts + b->column_blocks * b->sum[CSEP_SUM_MATRIX].parts;
}

int csep_backward_tasks(csep_backward_pass *b, csep_task *tasks)
{
    const csep_conv_desc *d = &b->plan->forward->desc;
    int64_t jobs = 0;
    int count = 0;
    tasks[count++] = (csep_task){csep_backward_jobs(b), run_part, b};
    for (int i = 0; i < CSEP_GRADIENT_SUMS; i++)
        jobs += jobs_of(&b->sum[i]);
    tasks[count++] = (csep_task){jobs, add_parts, b};
    if (b->sum[CSEP_SUM_DW].to && taps_are_folded(b))
        tasks[count++] = (csep_task){d->kernel_h * d->kernel_w, fold_tap, b};
    return count;
}
