#include "run/backward_strip.h"

#include <stddef.h>
#include <string.h>

#include "plan/arith.h"
#include "plan/sizes.h"
#include "run/backward_input.h"
#include "run/backward_weights.h"
#include "run/first_stage.h"
#include "run/rows.h"
#include "run/staging.h"

static int64_t out_row(const csep_backward_pass *b)
{
    return b->geometry->out_w * b->plan->forward->desc.out_channels;
}

csep_call csep_plain_call(const csep_plan *plan, const csep_geometry *geometry)
{
    static const csep_schedule unstaged = {0};
    return (csep_call){.plan = plan, .geometry = geometry, .schedule = &unstaged};
}

/* A strip without what another one left. */
static csep_strip find_rows(const csep_backward_pass *b, int64_t index)
{
    const csep_geometry *g = b->geometry;
    const csep_conv_desc *d = &b->plan->forward->desc;
    const int64_t part = index % b->strips_of_image, parts = b->strips_of_image;
    const int64_t height = g->input.height, top = g->input.pad_top;
    csep_strip s = {
        .image = index / parts,
        .row = share(g->out_h, part, parts),
        .row_end = share(g->out_h, part + 1, parts),
        .in_row = share(height, part, parts),
        .in_end = share(height, part + 1, parts),
    };
    s.from = s.row;
    s.to = s.row_end;
    if (b->gradients.x) {
        const int64_t below = s.in_row + top - csep_reach_h(d) + 1;
        const int64_t first = below > 0 ? ceil_div(below, d->stride_h) : 0;
        const int64_t end = min64((s.in_end - 1 + top) / d->stride_h + 1, g->out_h);
        if (s.in_row < s.in_end && first < end) {
            s.from = min64(s.from, first);
            s.to = max64(s.to, end);
        }
    }
    s.fresh = s.from;
    return s;
}

csep_strip csep_find_strip(const csep_backward_pass *b, int64_t index, int follows)
{
    csep_strip s = find_rows(b, index);
    if (!follows || index % b->strips_of_image == 0)
        return s;
    const csep_strip before = find_rows(b, index - 1);
    /* One without rows of x may begin later than the next. */
    if (before.from <= s.from)
        s.fresh = min64(max64(before.to, s.from), s.to);
    return s;
}

/* What the strip after this one reads of dy. */
static csep_ahead next_gradients(const csep_backward_pass *b, int64_t index)
{
    if (index + 1 >= b->strips)
        return (csep_ahead){NULL, 0};
    const csep_strip next = csep_find_strip(b, index + 1, 1);
    const int64_t row = out_row(b), first = next.image * b->geometry->out_h + next.fresh;
    return (csep_ahead){at(b->dy, first * row, b->plan->forward->kernels->size),
                        (next.to - next.fresh) * row};
}

/* Rows of the strip before, of so many numbers, to where this one has them. */
static void keep_rows(const csep_backward_pass *b, int64_t index, const csep_strip *s, void *rows,
                      int64_t row)
{
    const int size = b->plan->forward->kernels->size;
    if (s->fresh == s->from)
        return;
    const int64_t skipped = s->from - find_rows(b, index - 1).from;
    memmove(rows, at(rows, skipped * row, size), (size_t)((s->fresh - s->from) * row * size));
}

/* ds, pixels side by side: dy times the derivative of an activation at its sums; ds may be either.
 */
static void multiply_slopes(const csep_kernels *kernels, csep_activation activation,
                            const void *slopes, int64_t pixels, int64_t channels, const void *sums,
                            const void *dy, void *ds)
{
    const csep_activation_gradient_job job = {
        .pixels = pixels,
        .channels = channels,
        .sum = sums,
        .dy = dy,
        .ds = ds,
        .sum_step = channels,
        .dy_step = channels,
        .ds_step = channels,
        .activation = activation,
        .slopes = slopes,
    };
    kernels->activation_gradient(&job);
}

/* The gradient of the sums before the last activation, rows from .. to of the strip. */
static const void *find_ds(const csep_backward_pass *b, int64_t index, const csep_strip *s,
                           char *scratch)
{
    const csep_plan *p = b->plan->forward;
    const csep_geometry *g = b->geometry;
    const int size = p->kernels->size;
    const int64_t image = s->image * g->out_h;
    if (p->desc.activation.kind == CSEP_LINEAR)
        return at(b->dy, (image + s->from) * out_row(b), size);
    void *ds = scratch + b->ds_at;
    keep_rows(b, index, s, ds, out_row(b));
    if (s->fresh == s->to)
        return ds;
    void *fresh = at_mut(ds, (s->fresh - s->from) * out_row(b), size);
    csep_call whole = csep_plain_call(&b->plan->sums, g);
    whole.x = b->x;
    whole.residual = b->residual;
    csep_call rows = csep_arrays_of_rows(&whole, s->image, s->fresh);
    rows.y = fresh;
    csep_run_rows(&whole, s->fresh, s->to, 0, rows, scratch + b->tile_at);
    const void *slopes = p->desc.kind == CSEP_DEPTHWISE ? p->dw_slopes : p->slopes;
    const void *dy = at(b->dy, (image + s->fresh) * out_row(b), size);
    multiply_slopes(p->kernels, p->desc.activation, slopes, (s->to - s->fresh) * g->out_w,
                    p->desc.out_channels, fresh, dy, fresh);
    return ds;
}

/* The fresh rows of the first stage's sums, pixel after pixel, into scratch. */
static void find_stage_sums(const csep_backward_pass *b, const csep_strip *s, char *scratch)
{
    const csep_plan *p = &b->plan->linear;
    const csep_geometry *g = b->geometry;
    csep_call c = csep_plain_call(p, g);
    c.x = b->x;
    const csep_tile tile = {s->image * g->out_h + s->fresh, s->image * g->out_h + s->to, 0,
                            g->out_w};
    const csep_source source = csep_find_source(&c, &tile, 0, 0, p->depth, NULL);
    csep_stage_job job = {
        .a = scratch + b->between_at,
        .a_step = p->kernels->vl,
        .pixel_step = p->depth,
        .line_step = g->out_w * p->depth,
    };
    csep_run_first_stage(&c, &tile, &source, 0, p->depth, &job);
}

csep_geometry csep_pixels_of_rows(const csep_backward_pass *b, int64_t rows)
{
    const int64_t width = b->geometry->out_w;
    const csep_dtype dtype = b->plan->forward->desc.dtype;
    return (csep_geometry){
        .input = {.dtype = dtype, .batch = 1, .height = rows, .width = width},
        .out_h = rows,
        .out_w = width,
        .rows = {rows, 0, 1},
        .columns = {width, 0, 1},
    };
}

/* What is read from memory after that product: x under the strip's own rows. */
static csep_ahead after_product(const csep_backward_pass *b, int64_t index, const csep_strip *s)
{
    const csep_plan *p = b->plan->forward;
    const csep_gradient_sum *sum = b->sum;
    if (!sum[CSEP_SUM_DW].to && !sum[CSEP_SUM_MATRIX].to)
        return next_gradients(b, index);
    const csep_call c = csep_plain_call(p, b->geometry);
    const int64_t image = s->image * b->geometry->out_h;
    const int64_t row = b->geometry->input.width * p->desc.in_channels;
    const int64_t first = csep_first_input_row(&c, image + s->row);
    const int64_t rows = csep_end_input_row(&c, image + s->row_end - 1) - first;
    return (csep_ahead){at(b->x, first * row, p->kernels->size), max64(rows, 0) * row};
}

/* The gradient of the first stage's sums for the rows of ds. */
static const void *find_du(const csep_backward_pass *b, int64_t index, const csep_strip *s,
                           const void *ds, char *scratch)
{
    const csep_plan *p = b->plan->forward, *back = b->plan->back;
    if (!back)
        return ds;
    const int64_t row = b->geometry->out_w * p->depth, rows = s->to - s->fresh;
    const int size = p->kernels->size;
    void *du = scratch + b->du_at;
    keep_rows(b, index, s, du, row);
    if (rows == 0)
        return du;
    void *fresh = at_mut(du, (s->fresh - s->from) * row, size);
    const csep_geometry g = csep_pixels_of_rows(b, rows);
    const csep_call whole = csep_plain_call(back, &g);
    const void *own = at(ds, (s->fresh - s->from) * out_row(b), size);
    csep_call arrays = {.x = own, .y = fresh, .after = after_product(b, index, s)};
    csep_run_rows(&whole, 0, rows, 0, arrays, scratch + b->tile_at);
    if (p->desc.depthwise_activation.kind == CSEP_LINEAR)
        return du;
    find_stage_sums(b, s, scratch);
    multiply_slopes(p->kernels, p->desc.depthwise_activation, p->dw_slopes, rows * g.out_w,
                    p->depth, scratch + b->between_at, fresh, fresh);
    return du;
}

void csep_run_strip(const csep_backward_pass *b, int64_t index, int follows, void *sums,
                    char *scratch)
{
    const csep_strip s = csep_find_strip(b, index, follows);
    const int size = b->plan->forward->kernels->size;
    const void *ds = find_ds(b, index, &s, scratch);
    if (b->gradients.residual && s.row < s.row_end) {
        const int64_t row = out_row(b), first = s.image * b->geometry->out_h + s.row;
        memcpy(at_mut(b->gradients.residual, first * row, size),
               at(ds, (s.row - s.from) * row, size), (size_t)((s.row_end - s.row) * row * size));
    }
    const void *du = b->needs_stage ? find_du(b, index, &s, ds, scratch) : NULL;
    csep_add_weight_gradients(b, &s, ds, du, sums, scratch);
    if (b->gradients.x && s.in_row < s.in_end)
        csep_write_input_gradient(b, &s, du ? du : ds, scratch);
}
