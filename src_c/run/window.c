#include "run/window.h"

#include <string.h>

#include "plan/arith.h"
#include "plan/sizes.h"

/* Rows and columns of one image, counted from its first pixel; those outside are padding. */
typedef struct window {
    int64_t row, rows, column, columns;
} window;

static window window_of(const csep_call *c, const csep_tile *t)
{
    const csep_geometry *g = c->geometry;
    const csep_conv_desc *d = &c->plan->desc;
    const int64_t row_step = g->rows.step, column_step = g->columns.step;
    return (window){
        .row = t->row % g->out_h * row_step - g->input.pad_top,
        .rows = (t->row_end - t->row - 1) * row_step + csep_reach_h(d),
        .column = t->column * column_step - g->input.pad_left,
        .columns = (csep_tile_columns(t) - 1) * column_step + csep_reach_w(d),
    };
}

/* Copies these channels of a row's pixels, `step` elements apart; returns the end of the copy. */
static char *copy_pixels(const char *from, int64_t pixels, int64_t step, int64_t channels, int size,
                         char *to)
{
    const size_t pixel = (size_t)(channels * size);
    if (step == channels) {
        memcpy(to, from, (size_t)pixels * pixel);
        return to + (size_t)pixels * pixel;
    }
    for (int64_t i = 0; i < pixels; i++, from += step * size, to += pixel)
        memcpy(to, from, pixel);
    return to;
}

static char *put_zeros(char *to, int64_t bytes)
{
    memset(to, 0, (size_t)bytes);
    return to + bytes;
}

/* A window of an image whose first pixel is at x, of these channels, with zeros around it. */
static void copy_window(const csep_call *c, const window *w, const void *x, int64_t channels,
                        char *to)
{
    const csep_input *in = &c->geometry->input;
    const int64_t step = c->plan->desc.in_channels;
    const int size = c->plan->kernels->size;
    const int64_t first = min64(max64(w->column, 0), in->width);
    const int64_t end = max64(min64(w->column + w->columns, in->width), first);
    const int64_t pixel = channels * size;
    for (int64_t row = w->row; row < w->row + w->rows; row++) {
        if (row < 0 || row >= in->height || first == end) {
            to = put_zeros(to, w->columns * pixel);
            continue;
        }
        const char *from = at(x, (row * in->width + first) * step, size);
        to = put_zeros(to, (first - w->column) * pixel);
        to = copy_pixels(from, end - first, step, channels, size, to);
        to = put_zeros(to, (w->column + w->columns - end) * pixel);
    }
}

void csep_find_window(const csep_call *c, const csep_tile *t, int64_t group, char *scratch,
                      csep_pointwise_job *product)
{
    const csep_plan *p = c->plan;
    const csep_geometry *g = c->geometry;
    const csep_conv_desc *d = &p->desc;
    const int size = p->kernels->size;
    const int64_t group_channels = d->in_channels / p->groups;
    const int64_t image = t->row / g->out_h * (g->input.height * g->input.width * d->in_channels);
    const void *x = at(c->x, image + group * group_channels, size);
    const window w = window_of(c, t);
    int64_t pixel = d->in_channels, line = g->input.width * pixel;
    if (c->schedule->a_from == CSEP_WINDOW_COPY) {
        char *const copy = scratch + c->schedule->input_at;
        copy_window(c, &w, x, group_channels, copy);
        product->a = copy;
        pixel = group_channels;
        line = w.columns * pixel;
    } else {
        product->a = at(x, w.row * line + w.column * pixel, size);
    }
    product->a_step = p->kernels->vl;
    product->a_row = g->columns.step * pixel;
    product->a_line = g->rows.step * line;
    product->a_tap = d->dilation_h * line;
    product->rows = csep_tile_columns(t);
    product->lines = t->row_end - t->row;
    product->taps = d->kernel_h;
    product->k = d->kernel_w * group_channels;
}
