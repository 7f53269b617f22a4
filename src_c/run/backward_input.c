#include "run/backward_input.h"

#include <string.h>

#include "plan/arith.h"
#include "run/rows.h"

/* One phase's pixels, from the first row and column on as far apart as the stride says, and the
 * sizes of the convolution that computes them. */
typedef struct phase_pixels {
    int64_t first_row, first_column;
    csep_geometry geometry;
} phase_pixels;

/* Where a phase's pixels begin along a side; *skipped: so many output pixels less than there are
 * taps lie before the first pixel's. */
static int64_t first_pixel(const csep_phase_side *s, int64_t padding, int64_t stride,
                           int64_t dilation, int64_t *skipped)
{
    const int64_t tap = s->first * dilation;
    const int64_t first = ((tap - padding) % stride + stride) % stride;
    *skipped = (first + padding - tap) / stride;
    return first;
}

static int64_t pixels_of_side(int64_t first, int64_t size, int64_t stride)
{
    return first < size ? (size - 1 - first) / stride + 1 : 0;
}

/* Padding is negative where outputs see nothing but padding. */
static phase_pixels find_pixels(const csep_backward_pass *b, const csep_phase *phase)
{
    const csep_conv_desc *d = &b->plan->forward->desc;
    const csep_geometry *g = b->geometry;
    const csep_input *x = &g->input;
    int64_t down, across;
    const int64_t row = first_pixel(&phase->rows, x->pad_top, d->stride_h, d->dilation_h, &down);
    const int64_t column =
        first_pixel(&phase->columns, x->pad_left, d->stride_w, d->dilation_w, &across);
    const int64_t reach_h = (phase->rows.taps - 1) * phase->rows.dilation;
    const int64_t reach_w = (phase->columns.taps - 1) * phase->columns.dilation;
    const int64_t height = pixels_of_side(row, x->height, d->stride_h);
    const int64_t width = pixels_of_side(column, x->width, d->stride_w);
    return (phase_pixels){
        .first_row = row,
        .first_column = column,
        .geometry = {.input = {.dtype = d->dtype,
                               .batch = x->batch,
                               .height = g->out_h,
                               .width = g->out_w,
                               .pad_top = reach_h - down,
                               .pad_bottom = height - g->out_h + down,
                               .pad_left = reach_w - across,
                               .pad_right = width - g->out_w + across},
                     .out_h = height,
                     .out_w = width,
                     .rows = {g->out_h, reach_h - down, 1},
                     .columns = {g->out_w, reach_w - across, 1}},
    };
}

/* Whether a phase is x's gradient as it lies in memory. */
static int is_whole(const csep_conv_desc *d)
{
    return d->stride_h == 1 && d->stride_w == 1 && d->channel_multiplier == 1;
}

/* The phase's rows among a strip's. */
static void rows_of_strip(const csep_backward_pass *b, const csep_strip *s, const phase_pixels *p,
                          int64_t *row, int64_t *end)
{
    const int64_t stride = b->plan->forward->desc.stride_h;
    *row = pixels_of_side(p->first_row, s->in_row, stride);
    *end = pixels_of_side(p->first_row, s->in_end, stride);
}

/* Rows of a phase into x's gradient, the channels that a multiplier made summed up. */
static void spread_rows(const csep_backward_pass *b, const csep_strip *s, const phase_pixels *p,
                        int64_t row, int64_t end, const void *from)
{
    const csep_plan *forward = b->plan->forward;
    const csep_conv_desc *d = &forward->desc;
    const csep_input *x = &b->geometry->input;
    const int size = forward->kernels->size;
    const int64_t width = p->geometry.out_w, m = d->channel_multiplier;
    for (int64_t i = row; i < end; i++) {
        const int64_t at_row = s->image * x->height + p->first_row + i * d->stride_h;
        const int64_t pixel = at_row * x->width + p->first_column;
        const csep_fold_job job = {
            .pixels = width,
            .channels = d->in_channels,
            .multiplier = m,
            .from = at(from, (i - row) * width * d->in_channels * m, size),
            .to = at_mut(b->gradients.x, pixel * d->in_channels, size),
            .to_step = d->stride_w * d->in_channels,
        };
        forward->kernels->fold(&job);
    }
}

static void run_phase(const csep_backward_pass *b, const csep_strip *s, const csep_phase *phase,
                      const void *gradient, char *scratch)
{
    const phase_pixels p = find_pixels(b, phase);
    const csep_plan *plan = phase->plan;
    const int whole = is_whole(&b->plan->forward->desc);
    int64_t row, end;
    rows_of_strip(b, s, &p, &row, &end);
    if (row >= end || p.geometry.out_w == 0)
        return;
    csep_call call = csep_plain_call(plan, &p.geometry);
    call.y = whole ? b->gradients.x : NULL;
    csep_call rows = csep_arrays_of_rows(&call, s->image, row);
    if (!whole)
        rows.y = scratch + b->phase_at;
    /* Rows that no output sees are under none of these. */
    const int64_t seen = min64(csep_first_input_row(&call, row), b->geometry->out_h - 1);
    const int64_t place = min64(max64(seen, s->from), s->to - 1) - s->from;
    rows.x = at(gradient, place * b->geometry->out_w * plan->desc.in_channels, plan->kernels->size);
    csep_run_rows(&call, row, end, whole, rows, scratch + b->tile_at);
    if (!whole)
        spread_rows(b, s, &p, row, end, rows.y);
}

void csep_write_input_gradient(const csep_backward_pass *b, const csep_strip *s,
                               const void *gradient, char *scratch)
{
    const csep_conv_desc *d = &b->plan->forward->desc;
    const csep_input *x = &b->geometry->input;
    const int size = b->plan->forward->kernels->size;
    const int64_t row = x->width * d->in_channels, rows = s->in_end - s->in_row;
    /* Pixels between kernels are of no phase. */
    if (b->plan->phase_count < d->stride_h * d->stride_w)
        memset(at_mut(b->gradients.x, (s->image * x->height + s->in_row) * row, size), 0,
               (size_t)(rows * row * size));
    for (int64_t i = 0; i < b->plan->phase_count; i++)
        run_phase(b, s, &b->plan->phases[i], gradient, scratch);
}

void csep_count_input_scratch(const csep_backward_pass *b, const csep_strip *s, int64_t *tile_bytes,
                              int64_t *phase_numbers)
{
    *tile_bytes = *phase_numbers = 0;
    for (int64_t i = 0; i < b->plan->phase_count; i++) {
        const csep_phase *phase = &b->plan->phases[i];
        const phase_pixels p = find_pixels(b, phase);
        const csep_call call = csep_plain_call(phase->plan, &p.geometry);
        int64_t row, end;
        rows_of_strip(b, s, &p, &row, &end);
        if (row >= end || p.geometry.out_w == 0)
            continue;
        *tile_bytes = max64(*tile_bytes, csep_scratch_of_rows(&call, row, end));
        if (!is_whole(&b->plan->forward->desc))
            *phase_numbers = max64(*phase_numbers,
                                   (end - row) * p.geometry.out_w * phase->plan->desc.out_channels);
    }
}
