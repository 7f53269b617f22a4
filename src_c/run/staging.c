#include "run/staging.h"

#include <stddef.h>

#include "plan/arith.h"
#include "plan/sizes.h"

static int dtype_bytes(csep_dtype dtype)
{
    return dtype == CSEP_F64 ? 8 : dtype == CSEP_F32 ? 4 : 2;
}

/* An array of the caller's. */
typedef struct outside {
    const void *load; /* one of the two */
    void *store;
    int64_t height, width, channels;
} outside;

/* Converts pixels that are side by side in both places: those of a row, or of whole rows of an
 * image (NHWC: of several). */
static void convert_run(const csep_call *c, const outside *array, csep_part n, void *inside)
{
    const csep_kernels *kernels = c->plan->kernels;
    const csep_input *in = &c->geometry->input;
    const int nchw = in->layout == CSEP_NCHW;
    const int64_t plane = array->height * array->width;
    const csep_convert_job job = {
        .dtype = in->dtype,
        .pixels = n.rows * n.columns,
        .channels = n.channels,
        .pixel_step = nchw ? 1 : array->channels,
        .channel_step = nchw ? plane : 1,
        .inside_step = n.channels,
    };
    const int size = dtype_bytes(in->dtype);
    const int64_t image = n.row / array->height;
    const int64_t pixel = n.row % array->height * array->width + n.column;
    const int64_t first = nchw ? (image * array->channels + n.channel) * plane + pixel
                               : (image * plane + pixel) * array->channels + n.channel;
    if (array->load)
        kernels->load_staged(&job, at(array->load, first, size), inside);
    else
        kernels->store_staged(&job, inside, at_mut(array->store, first, size));
}

static void convert(const csep_call *c, const outside *array, csep_part n, void *inside)
{
    const int64_t end = n.row + n.rows;
    const int whole = n.columns == array->width, nhwc = c->geometry->input.layout == CSEP_NHWC;
    for (; n.row < end; n.row += n.rows) {
        const int64_t of_image = array->height - n.row % array->height;
        n.rows = !whole ? 1 : nhwc ? end - n.row : min64(end - n.row, of_image);
        convert_run(c, array, n, inside);
        inside = at_mut(inside, n.rows * n.columns * n.channels, c->plan->kernels->size);
    }
}

/* Which pixel of a side is seen at `at`, counted from the side's first; within the padding that the
 * geometry was checked for. */
static int64_t pixel_seen(csep_padding_mode mode, int64_t at, int64_t side)
{
    const int before = at < 0;
    if (!before && at < side)
        return at;
    switch (mode) {
    case CSEP_REFLECT: return before ? -at : 2 * (side - 1) - at;
    case CSEP_CIRCULAR: return before ? at + side : at - side;
    default: return before ? 0 : side - 1;
    }
}

/* Where what kernels see at `at` of a side lies in x, counted from its first pixel, border or not.
 */
static int64_t place_in_x(const csep_side *side, int64_t stride, int64_t padding, int64_t at)
{
    const int64_t padded = at + padding, step = side->step;
    return (step == stride ? padded : padded / step * stride + padded % step) - side->before;
}

/* Of what kernels see from `at` on, which lies at `place` in x, how many pixels lie side by side in
 * x, too. */
static int64_t run_length(const csep_side *side, int64_t stride, int64_t padding, int64_t at,
                          int64_t place, int64_t most)
{
    if (place < 0 || place >= side->size)
        return 1; /* of the border */
    most = min64(most, side->size - place);
    return side->step == stride ? most : min64(most, side->step - (at + padding) % side->step);
}

/* A part of an x that kernels see with a border, or parts left out: runs of its rows. */
static void convert_seen(const csep_call *c, const outside *x, csep_part n, void *inside)
{
    const csep_geometry *g = c->geometry;
    const csep_conv_desc *d = &c->plan->desc;
    const csep_input *in = &g->input;
    csep_part run = {.rows = 1, .channel = n.channel, .channels = n.channels};
    const int64_t end = n.column + n.columns;
    for (int64_t row = n.row; row < n.row + n.rows; row++) {
        const int64_t down = place_in_x(&g->rows, d->stride_h, in->pad_top, row % in->height);
        run.row = row / in->height * x->height + pixel_seen(in->padding_mode, down, x->height);
        for (int64_t at = n.column; at < end; at += run.columns) {
            const int64_t place = place_in_x(&g->columns, d->stride_w, in->pad_left, at);
            run.column = pixel_seen(in->padding_mode, place, x->width);
            run.columns = run_length(&g->columns, d->stride_w, in->pad_left, at, place, end - at);
            convert_run(c, x, run, inside);
            inside = at_mut(inside, run.columns * run.channels, c->plan->kernels->size);
        }
    }
}

/* A part of x as the kernels are to see it. */
static void convert_input(const csep_call *c, csep_part n, void *inside)
{
    const csep_geometry *g = c->geometry;
    const csep_conv_desc *d = &c->plan->desc;
    const outside x = {c->x, NULL, g->rows.size, g->columns.size, d->in_channels};
    if (csep_has_border(g) || g->rows.step != d->stride_h || g->columns.step != d->stride_w)
        convert_seen(c, &x, n, inside);
    else
        convert(c, &x, n, inside);
}

/* y, or the residual, which is laid out like it. */
static outside output_like(const csep_call *c, const void *load, void *store)
{
    const csep_geometry *g = c->geometry;
    return (outside){load, store, g->out_h, g->out_w, csep_y_step(c)};
}

csep_source csep_find_source(const csep_call *c, const csep_tile *t, int64_t group, int64_t first,
                             int64_t channels, char *scratch)
{
    const csep_conv_desc *d = &c->plan->desc;
    const csep_input *in = &c->geometry->input;
    /* An ordinary convolution sees all channels of its group at once. */
    const int64_t group_channels = d->in_channels / c->plan->groups;
    const int64_t group_first = group * group_channels;
    if (!c->schedule->staged || c->schedule->input_converted) {
        const void *x = at(c->x, group_first, c->plan->kernels->size);
        return (csep_source){x, 0, 0, in->width, 0, d->in_channels};
    }

    const int64_t m = d->channel_multiplier;
    const int64_t step = c->geometry->columns.step;
    const int64_t column = t->column * step - in->pad_left;
    const int64_t column_end = column + (csep_tile_columns(t) - 1) * step + csep_reach_w(d);
    csep_part n = {.row = csep_first_input_row(c, t->row), .column = max64(column, 0)};
    n.rows = csep_end_input_row(c, t->row_end - 1) - n.row;
    n.columns = min64(column_end, in->width) - n.column;
    n.channel = d->kind == CSEP_CONV ? group_first : first / m;
    n.channels = d->kind == CSEP_CONV ? group_channels : (first + channels - 1) / m + 1 - n.channel;
    void *inside = scratch + c->schedule->input_at;
    if (n.rows > 0 && n.columns > 0)
        convert_input(c, n, inside);
    else
        n.columns = 0;
    return (csep_source){inside, n.row, n.column, n.columns, n.channel, n.channels};
}

csep_destination csep_find_destination(const csep_call *c, const csep_part *n, char *scratch)
{
    const csep_schedule *s = c->schedule;
    const int size = c->plan->kernels->size;
    if (!s->staged) {
        const int64_t step = csep_y_step(c), out_w = c->geometry->out_w;
        const int64_t first = (n->row * out_w + n->column) * step + n->channel;
        return (csep_destination){
            .c = at_mut(c->y, first, size),
            .residual = at_if(c->residual, first, size),
            .pixel_step = step,
            .line_step = out_w * step,
        };
    }
    csep_destination to = {.c = scratch + s->output_at,
                           .pixel_step = n->channels,
                           .line_step = n->columns * n->channels};
    if (c->residual) {
        const outside residual = output_like(c, c->residual, NULL);
        convert(c, &residual, *n, scratch + s->residual_at);
        to.residual = scratch + s->residual_at;
    }
    return to;
}

void csep_store_outputs(const csep_call *c, const csep_part *n, char *scratch)
{
    if (!c->schedule->staged)
        return;
    const outside y = output_like(c, NULL, c->y);
    convert(c, &y, *n, scratch + c->schedule->output_at);
}

void csep_convert_input(const csep_call *c, void *to)
{
    const csep_input *in = &c->geometry->input;
    const csep_part all = {0, in->batch * in->height, 0, in->width, 0, c->plan->desc.in_channels};
    convert_input(c, all, to);
}
