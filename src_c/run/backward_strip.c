#include "run/backward_strip.h"

#include <stddef.h>
#include <string.h>

#include "plan/arith.h"
#include "plan/sizes.h"
#include "run/first_stage.h"
#include "run/rows.h"
#include "run/staging.h"

static int64_t out_row(const csep_backward_pass *b)
{
    return b->geometry->out_w * b->plan->forward->desc.out_channels;
}

csep_strip csep_find_strip(const csep_backward_pass *b, int64_t index)
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
    if (!b->gradients.x)
        return s;
    const int64_t below = s.in_row + top - csep_reach_h(d) + 1;
    const int64_t first = below > 0 ? ceil_div(below, d->stride_h) : 0;
    const int64_t end = min64((s.in_end - 1 + top) / d->stride_h + 1, g->out_h);
    if (s.in_row < s.in_end && first < end) {
        s.from = min64(s.from, first);
        s.to = max64(s.to, end);
    }
    return s;
}

/* A call whose arrays begin with the rows of a strip; its schedule stages nothing. */
static const csep_schedule unstaged = {0};

static csep_call call_of(const csep_plan *plan, const csep_geometry *geometry)
{
    return (csep_call){.plan = plan, .geometry = geometry, .schedule = &unstaged};
}

/* The gradient of the sums before the last activation, rows from .. to of the strip. */
static const void *find_ds(const csep_backward_pass *b, const csep_strip *s, char *scratch)
{
    const csep_plan *p = b->plan->forward;
    const csep_geometry *g = b->geometry;
    const int size = p->kernels->size;
    const int64_t first = s->image * g->out_h + s->from;
    const void *dy = at(b->dy, first * out_row(b), size);
    if (p->desc.activation.kind == CSEP_LINEAR)
        return dy;
    csep_call whole = call_of(&b->plan->sums, g);
    whole.x = b->x;
    whole.residual = b->residual;
    void *ds = scratch + b->ds_at;
    csep_call rows = csep_arrays_of_rows(&whole, s->image, s->from);
    rows.y = ds;
    csep_run_rows(&whole, s->from, s->to, 0, rows, scratch + b->tile_at);
    const int64_t co = p->desc.out_channels;
    const csep_activation_gradient_job job = {
        .pixels = (s->to - s->from) * g->out_w,
        .channels = co,
        .sum = ds,
        .dy = dy,
        .ds = ds,
        .sum_step = co,
        .dy_step = co,
        .ds_step = co,
        .activation = p->desc.activation,
        .slopes = p->desc.kind == CSEP_DEPTHWISE ? p->dw_slopes : p->slopes,
    };
    p->kernels->activation_gradient(&job);
    return ds;
}

/* Rows of the first stage's sums, pixel after pixel, into scratch. */
static void find_stage_sums(const csep_backward_pass *b, const csep_strip *s, char *scratch)
{
    const csep_plan *p = &b->plan->linear;
    const csep_geometry *g = b->geometry;
    csep_call c = call_of(p, g);
    c.x = b->x;
    const csep_tile tile = {s->image * g->out_h + s->from, s->image * g->out_h + s->to, 0,
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

/* The gradient of the first stage's sums for the rows of ds. */
static const void *find_du(const csep_backward_pass *b, const csep_strip *s, const void *ds,
                           char *scratch)
{
    const csep_plan *p = b->plan->forward, *back = b->plan->back;
    const int64_t rows = s->to - s->from;
    if (!back)
        return ds;
    const csep_geometry g = csep_pixels_of_rows(b, rows);
    const csep_call whole = call_of(back, &g);
    void *du = scratch + b->du_at;
    csep_run_rows(&whole, 0, rows, 0, (csep_call){.x = ds, .y = du}, scratch + b->tile_at);
    if (p->desc.depthwise_activation.kind == CSEP_LINEAR || p->desc.kind != CSEP_SEPARABLE)
        return du;
    find_stage_sums(b, s, scratch);
    const csep_activation_gradient_job job = {
        .pixels = rows * g.out_w,
        .channels = p->depth,
        .sum = scratch + b->between_at,
        .dy = du,
        .ds = du,
        .sum_step = p->depth,
        .dy_step = p->depth,
        .ds_step = p->depth,
        .activation = p->desc.depthwise_activation,
        .slopes = p->dw_slopes,
    };
    p->kernels->activation_gradient(&job);
    return du;
}

void csep_sum_pixels(const csep_kernels *kernels, const void *x, int64_t pixels, int64_t channels,
                     void *sums)
{
    const float one_f32 = 1;
    const double one_f64 = 1;
    const csep_combine_job job = {
        .x = x,
        .rows = 1,
        .columns = pixels,
        .column_step = channels,
        .factor = kernels->size == sizeof(float) ? (const void *)&one_f32 : &one_f64,
        .channels = channels,
        .y = sums,
    };
    kernels->combine(&job);
}

void csep_add_numbers(const csep_kernels *kernels, void *sums, const void *numbers, int64_t count)
{
    const csep_elementwise_job add = {
        .pixels = 1, .channels = count, .sources = 2, .x = {sums, numbers}, .y = sums};
    kernels->elementwise(&add);
}

/* Adds to a part's sums those of each channel over the strip's own rows. */
static void add_columns(const csep_backward_pass *b, const csep_strip *s, const void *rows,
                        int64_t channels, void *sums, char *scratch)
{
    const csep_kernels *kernels = b->plan->forward->kernels;
    const int64_t out_w = b->geometry->out_w, pixels = (s->row_end - s->row) * out_w;
    const void *own = at(rows, (s->row - s->from) * out_w * channels, kernels->size);
    void *sum = scratch + b->columns_at;
    csep_sum_pixels(kernels, own, pixels, channels, sum);
    csep_add_numbers(kernels, sums, sum, channels);
}

/* The gradient of the matrix over one tile: the first stage's result, with pixels and channels
 * exchanged, times ds. */
static void add_tile(const csep_backward_pass *b, const csep_tile *t, int64_t group, const void *ds,
                     void *sums, char *scratch)
{
    const csep_plan *p = b->plan->forward;
    const csep_kernels *kernels = p->kernels;
    const int size = kernels->size;
    const int64_t vl = kernels->vl, blocks = ceil_div(p->depth, vl), pixels = csep_tile_pixels(t);
    const int64_t width = kernels->panel_vectors * vl, co = p->desc.out_channels;
    csep_call c = call_of(p, b->geometry);
    c.x = b->x;
    const csep_source source = csep_find_source(&c, t, group, 0, p->depth, NULL);
    csep_stage_job stage = {
        .a = scratch + b->between_at,
        .a_step = pixels * vl,
        .pixel_step = vl,
        .line_step = csep_tile_columns(t) * vl,
        .whole_vectors = 1,
    };
    csep_run_first_stage(&c, t, &source, 0, p->depth, &stage);
    const csep_transpose_job exchange = {
        blocks,          pixels, scratch + b->between_at, pixels * vl, scratch + b->rows_at,
        blocks * vl * vl};
    kernels->transpose(&exchange);
    void *panels = scratch + b->columns_at;
    for (int64_t column = 0; column < p->group_columns; column += width)
        kernels->pack_panel(at(ds, group * p->group_columns + column, size), co, pixels,
                            min64(width, p->group_columns - column),
                            at_mut(panels, column * pixels, size));
    const csep_pointwise_job job = {
        .a = exchange.to,
        .a_step = exchange.to_step,
        .a_row = vl,
        .rows = p->depth,
        .lines = 1,
        .taps = 1,
        .k = pixels,
        .k_total = pixels,
        .b = panels,
        .continues = 1,
        .c = at_mut(sums, group * p->group_columns, size),
        .ldc = co,
        .columns = p->group_columns,
        .panel_vectors = kernels->panel_vectors,
    };
    kernels->pointwise(&job);
}

static void add_matrix(const csep_backward_pass *b, const csep_strip *s, const void *ds, void *sums,
                       char *scratch)
{
    const csep_plan *p = b->plan->forward;
    const int64_t out_w = b->geometry->out_w, out_h = b->geometry->out_h;
    const int64_t rows = max64(CSEP_GRADIENT_PIXELS / out_w, 1),
                  parts = ceil_div(out_w, CSEP_GRADIENT_PIXELS);
    for (int64_t row = s->row; row < s->row_end; row += rows)
        for (int64_t part = 0; part < parts; part++) {
            const csep_tile t = {s->image * out_h + row,
                                 s->image * out_h + min64(row + rows, s->row_end),
                                 share(out_w, part, parts), share(out_w, part + 1, parts)};
            const int64_t pixel = (row - s->from) * out_w + t.column;
            const void *own = at(ds, pixel * p->desc.out_channels, p->kernels->size);
            for (int64_t group = 0; group < p->groups; group++)
                add_tile(b, &t, group, own, sums, scratch);
        }
}

static void add_taps(const csep_backward_pass *b, const csep_strip *s, const void *du, void *sums)
{
    const csep_plan *p = b->plan->forward;
    const csep_geometry *g = b->geometry;
    csep_call c = call_of(p, g);
    c.x = b->x;
    const csep_tile whole = {s->image * g->out_h + s->row, s->image * g->out_h + s->row_end, 0,
                             g->out_w};
    const csep_source source = csep_find_source(&c, &whole, 0, 0, p->depth, NULL);
    const int64_t reach = p->desc.dilation_h < g->input.height ? p->desc.dilation_h : 0;
    for (int64_t row = s->row; row < s->row_end; row++) {
        const csep_line line = csep_line_of(&c, &source, s->image * g->out_h + row);
        const csep_tap_gradient_job job = {
            .line = &line,
            .lines = 1,
            .row_step = reach * g->input.width * p->desc.in_channels,
            .col_step = p->desc.in_channels,
            .width = g->input.width,
            .first_col = -g->input.pad_left,
            .stride = p->desc.stride_w,
            .dilation = p->desc.dilation_w,
            .taps = p->desc.kernel_w,
            .multiplier = p->desc.channel_multiplier,
            .lane = p->lane,
            .channels = p->depth,
            .pixels = g->out_w,
            .du = at(du, (row - s->from) * g->out_w * p->depth, p->kernels->size),
            .du_pixel = p->depth,
            .dw = sums,
            .dw_step = p->depth,
        };
        p->kernels->tap_gradient(&job);
    }
}

/* Where an output pixel is that the input pixel at `at` is under with tap `tap`, along one side; -1
 * where there is none. */
static int64_t seen_by(int64_t at, int64_t padding, int64_t tap, int64_t dilation, int64_t stride,
                       int64_t outputs)
{
    const int64_t first = at + padding - tap * dilation;
    return first < 0 || first % stride || first / stride >= outputs ? -1 : first / stride;
}

/* The terms of one input pixel, for channels that are `offset` into those of du; how many. */
static int64_t find_terms(const csep_backward_pass *b, const csep_strip *s, const void *du,
                          int64_t row, int64_t column, csep_term *term, int64_t offset)
{
    const csep_conv_desc *d = &b->plan->forward->desc;
    const csep_geometry *g = b->geometry;
    const int size = b->plan->forward->kernels->size, conv = d->kind == CSEP_CONV;
    const int64_t depth = b->plan->forward->depth * b->plan->forward->groups;
    const int64_t group_channels = d->in_channels / csep_groups(d);
    int64_t count = 0;
    for (int64_t di = 0; di < d->kernel_h; di++) {
        const int64_t r = seen_by(row, g->input.pad_top, di, d->dilation_h, d->stride_h, g->out_h);
        for (int64_t dj = 0; r >= 0 && dj < d->kernel_w; dj++) {
            const int64_t tap = di * d->kernel_w + dj;
            const int64_t p =
                seen_by(column, g->input.pad_left, dj, d->dilation_w, d->stride_w, g->out_w);
            if (p < 0)
                continue;
            const int64_t pixel = ((r - s->from) * g->out_w + p) * depth;
            term[count++] = (csep_term){
                at(du, pixel + offset + (conv ? tap * group_channels : 0), size),
                conv ? NULL : at(b->plan->taps, tap * depth, size),
            };
        }
    }
    return count;
}

static void write_pixel(const csep_backward_pass *b, const csep_strip *s, const void *du,
                        int64_t row, int64_t column, char *scratch)
{
    const csep_plan *p = b->plan->forward;
    const csep_conv_desc *d = &p->desc;
    const int size = p->kernels->size;
    const int64_t width = b->geometry->input.width, c = d->in_channels / p->groups;
    const int64_t pixel = (s->image * b->geometry->input.height + row) * width + column;
    void *to = at_mut(b->gradients.x, pixel * d->in_channels, size);
    csep_term *term = (csep_term *)(scratch + b->terms_at);
    for (int64_t group = 0; group < p->groups; group++) {
        const csep_input_gradient_job job = {
            .term = term,
            .terms = find_terms(b, s, du, row, column, term, group * p->depth),
            .channels = d->kind == CSEP_CONV ? c : p->depth,
            .multiplier = d->channel_multiplier,
            .sums = scratch + b->columns_at,
            .dx = at_mut(to, group * c, size),
        };
        p->kernels->input_gradient(&job);
    }
}

/* The strip's rows of the gradient of x. */
static void write_x(const csep_backward_pass *b, const csep_strip *s, const void *ds,
                    const void *du, char *scratch)
{
    const csep_plan *turned = b->plan->turned;
    if (!b->use_turned) {
        for (int64_t row = s->in_row; row < s->in_end; row++)
            for (int64_t column = 0; column < b->geometry->input.width; column++)
                write_pixel(b, s, du, row, column, scratch);
        return;
    }
    if (s->in_row == s->in_end)
        return;
    csep_call whole = call_of(turned, &b->turned);
    whole.y = b->gradients.x;
    csep_call rows = csep_arrays_of_rows(&whole, s->image, s->in_row);
    const int64_t seen = csep_first_input_row(&whole, s->in_row) - s->from;
    const int64_t row = b->geometry->out_w * turned->desc.in_channels;
    rows.x = at(turned->desc.kind == CSEP_CONV ? ds : du, seen * row, turned->kernels->size);
    csep_run_rows(&whole, s->in_row, s->in_end, 0, rows, scratch + b->tile_at);
}

void csep_run_strip(const csep_backward_pass *b, int64_t index, void *sums, char *scratch)
{
    const csep_strip s = csep_find_strip(b, index);
    const csep_plan *p = b->plan->forward;
    const int size = p->kernels->size;
    const csep_gradient_sum *sum = b->sum;
    const void *ds = find_ds(b, &s, scratch);
    if (b->gradients.residual && s.row < s.row_end) {
        const int64_t row = out_row(b), first = s.image * b->geometry->out_h + s.row;
        memcpy(at_mut(b->gradients.residual, first * row, size),
               at(ds, (s.row - s.from) * row, size), (size_t)((s.row_end - s.row) * row * size));
    }
    const void *du = b->needs_stage ? find_du(b, &s, ds, scratch) : NULL;
    if (s.row < s.row_end) {
        if (sum[CSEP_SUM_BIAS].to)
            add_columns(b, &s, ds, p->desc.out_channels, at_mut(sums, sum[CSEP_SUM_BIAS].at, size),
                        scratch);
        if (sum[CSEP_SUM_DW_BIAS].to)
            add_columns(b, &s, du, p->depth, at_mut(sums, sum[CSEP_SUM_DW_BIAS].at, size), scratch);
        if (sum[CSEP_SUM_DW].to)
            add_taps(b, &s, du, at_mut(sums, sum[CSEP_SUM_DW].at, size));
        if (sum[CSEP_SUM_MATRIX].to)
            add_matrix(b, &s, ds, at_mut(sums, sum[CSEP_SUM_MATRIX].at, size), scratch);
    }
    if (b->gradients.x)
        write_x(b, &s, ds, du, scratch);
}
