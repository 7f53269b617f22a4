#include "run/backward_weights.h"

#include <stddef.h>

#include "plan/arith.h"
#include "run/first_stage.h"
#include "run/staging.h"

/* Pixels of a product that is a gradient of weights: its operands then lie in L2. */
enum { MATRIX_PIXELS = 192 };

/* Lines that a kernel is given at once. */
enum { TAP_LINES = 16 };

int64_t csep_gradient_pixels(const csep_backward_pass *b)
{
    const int64_t out_w = b->geometry->out_w;
    return out_w < MATRIX_PIXELS ? MATRIX_PIXELS / out_w * out_w : min64(out_w, MATRIX_PIXELS);
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

/* Columns of a group's matrix. */
typedef struct column_range {
    int64_t group, first, count;
} column_range;

/* The gradient of the matrix over one tile: the first stage's result, with pixels and channels
 * exchanged, times ds, which begins with the tile's first pixel.  continues: added to what the sums
 * hold. */
static void add_tile(const csep_backward_pass *b, const csep_tile *t, const column_range *n,
                     const void *ds, void *sums, int continues, char *scratch)
{
    const csep_plan *p = b->plan->forward;
    const csep_kernels *kernels = p->kernels;
    const int size = kernels->size;
    const int64_t vl = kernels->vl, blocks = ceil_div(p->depth, vl), pixels = csep_tile_pixels(t);
    const int64_t width = kernels->panel_vectors * vl, co = p->desc.out_channels;
    const int64_t first = n->group * p->group_columns + n->first;
    csep_call c = csep_plain_call(p, b->geometry);
    c.x = b->x;
    const csep_source source = csep_find_source(&c, t, n->group, 0, p->depth, NULL);
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
    for (int64_t column = 0; column < n->count; column += width)
        kernels->pack_panel(at(ds, first + column, size), co, pixels,
                            min64(width, n->count - column), at_mut(panels, column * pixels, size));
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
        .continues = continues,
        .c = at_mut(sums, first, size),
        .ldc = co,
        .columns = n->count,
        .panel_vectors = kernels->panel_vectors,
    };
    kernels->pointwise(&job);
}

/* Rows row .. end - 1 of the batch; ds begins with the first of them. */
static void add_rows(const csep_backward_pass *b, int64_t row, int64_t end, const column_range *n,
                     const void *ds, void *sums, int continues, char *scratch)
{
    const csep_plan *p = b->plan->forward;
    const int64_t out_w = b->geometry->out_w, first = row;
    const int64_t rows = max64(MATRIX_PIXELS / out_w, 1), parts = ceil_div(out_w, MATRIX_PIXELS);
    for (; row < end; row += rows)
        for (int64_t part = 0; part < parts; part++) {
            const csep_tile t = {row, min64(row + rows, end), share(out_w, part, parts),
                                 share(out_w, part + 1, parts)};
            const int64_t pixel = (row - first) * out_w + t.column;
            add_tile(b, &t, n, at(ds, pixel * p->desc.out_channels, p->kernels->size), sums,
                     continues, scratch);
            continues = 1;
        }
}

static void add_matrix(const csep_backward_pass *b, const csep_strip *s, const void *ds, void *sums,
                       char *scratch)
{
    const csep_plan *p = b->plan->forward;
    const int64_t row = b->geometry->out_w * p->desc.out_channels;
    const int64_t image = s->image * b->geometry->out_h;
    const void *own = at(ds, (s->row - s->from) * row, p->kernels->size);
    for (int64_t group = 0; group < p->groups; group++) {
        const column_range all = {group, 0, p->group_columns};
        add_rows(b, image + s->row, image + s->row_end, &all, own, sums, 1, scratch);
    }
}

void csep_add_matrix_part(const csep_backward_pass *b, int64_t part, int64_t block, void *sums,
                          char *scratch)
{
    const csep_plan *p = b->plan->forward;
    const int64_t width = p->kernels->panel_vectors * p->kernels->vl;
    const int64_t panels = ceil_div(p->group_columns, width), blocks = b->column_blocks;
    const int64_t rows = b->geometry->input.batch * b->geometry->out_h;
    const int64_t parts = b->sum[CSEP_SUM_MATRIX].parts;
    const int64_t row = share(rows, part, parts), end = share(rows, part + 1, parts);
    const int64_t first = share(panels, block, blocks) * width;
    const int64_t next = min64(share(panels, block + 1, blocks) * width, p->group_columns);
    const column_range n = {0, first, next - first};
    const int64_t pixel = row * b->geometry->out_w * p->desc.out_channels;
    add_rows(b, row, end, &n, at(b->dy, pixel, p->kernels->size), sums, 0, scratch);
}

static void add_taps(const csep_backward_pass *b, const csep_strip *s, const void *du, void *sums)
{
    const csep_plan *p = b->plan->forward;
    const csep_geometry *g = b->geometry;
    csep_call c = csep_plain_call(p, g);
    c.x = b->x;
    const csep_tile whole = {s->image * g->out_h + s->row, s->image * g->out_h + s->row_end, 0,
                             g->out_w};
    const csep_source source = csep_find_source(&c, &whole, 0, 0, p->depth, NULL);
    const int64_t reach = p->desc.dilation_h < g->input.height ? p->desc.dilation_h : 0;
    csep_line lines[TAP_LINES];
    for (int64_t row = s->row; row < s->row_end; row += TAP_LINES) {
        const int64_t count = min64(s->row_end - row, TAP_LINES);
        for (int64_t i = 0; i < count; i++)
            lines[i] = csep_line_of(&c, &source, s->image * g->out_h + row + i);
        const csep_tap_gradient_job job = {
            .line = lines,
            .lines = count,
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
            .together = b->together,
            .pixels = g->out_w,
            .du = at(du, (row - s->from) * g->out_w * p->depth, p->kernels->size),
            .du_pixel = p->depth,
            .du_line = g->out_w * p->depth,
            .dw = sums,
            .dw_step = b->tap_sums,
        };
        p->kernels->tap_gradient(&job);
    }
}

void csep_add_weight_gradients(const csep_backward_pass *b, const csep_strip *s, const void *ds,
                               const void *du, void *sums, char *scratch)
{
    const csep_plan *p = b->plan->forward;
    const csep_gradient_sum *sum = b->sum;
    const int size = p->kernels->size;
    if (s->row == s->row_end)
        return;
    if (sum[CSEP_SUM_BIAS].to)
        add_columns(b, s, ds, p->desc.out_channels, at_mut(sums, sum[CSEP_SUM_BIAS].at, size),
                    scratch);
    if (sum[CSEP_SUM_DW_BIAS].to)
        add_columns(b, s, du, p->depth, at_mut(sums, sum[CSEP_SUM_DW_BIAS].at, size), scratch);
    if (sum[CSEP_SUM_DW].to)
        add_taps(b, s, du, at_mut(sums, sum[CSEP_SUM_DW].at, size));
    if (sum[CSEP_SUM_MATRIX].to && !b->column_blocks)
        add_matrix(b, s, ds, at_mut(sums, sum[CSEP_SUM_MATRIX].at, size), scratch);
}
