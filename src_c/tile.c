/* One tile through the stages: input brought in, depthwise or gather, product, result taken out. */
#include <stddef.h>

#include "arith.h"
#include "plan.h"

typedef struct call {
    const csep_plan *plan;
    const csep_shape *shape;
    const csep_schedule *schedule;
    const void *x, *residual;
    void *y;
} call;

/* Output rows and columns of one tile; rows are counted through the whole batch. */
typedef struct tile {
    int64_t row, row_end, column, column_end;
} tile;

/* Where the first stage finds its input: the caller's array, or what was brought in of it. */
typedef struct window {
    const void *x;
    int64_t first_row; /* input row of x, counted through the batch */
    int64_t first_column, columns;
    int64_t first_channel, channels; /* channels is the step between columns as well */
} window;

/* Where results go: the caller's array, or scratch memory from which they are taken out. */
typedef struct target {
    void *c;
    const void *residual;
    int64_t pixel_step, line_step;
} target;

static int64_t tile_columns(const tile *t) { return t->column_end - t->column; }
static int64_t tile_pixels(const tile *t) { return (t->row_end - t->row) * tile_columns(t); }

static tile tile_of(const csep_schedule *s, int64_t job)
{
    const int64_t index = job % (s->row_tiles * s->column_tiles);
    const int64_t r = index / s->column_tiles, q = index % s->column_tiles;
    return (tile){
        .row = share(s->rows, r, s->row_tiles),
        .row_end = share(s->rows, r + 1, s->row_tiles),
        .column = share(s->out_w, q, s->column_tiles),
        .column_end = share(s->out_w, q + 1, s->column_tiles),
    };
}

/* The kernel rows of one output row that lie inside the image. */
static csep_line line_of(const call *c, const window *w, int64_t row)
{
    const csep_conv_desc *d = &c->plan->desc;
    const int64_t height = c->shape->height, dilation = d->dilation_h;
    const int64_t image = row / c->schedule->out_h;
    const int64_t top = (row % c->schedule->out_h) * d->stride_h - c->shape->pad_top;
    /* Those di with 0 <= top + di * dilation < height. */
    const int64_t skip = top < 0 ? (-top + dilation - 1) / dilation : 0;
    const int64_t end = top < height ? (height - 1 - top) / dilation + 1 : 0;
    const int64_t rows = min64(end, d->kernel_h) - skip;
    if (rows <= 0)
        return (csep_line){w->x, 0, 0};
    const int64_t in_row = image * height + top + skip * dilation - w->first_row;
    return (csep_line){at(w->x, in_row * w->columns * w->channels, c->plan->kernels->size), rows,
                       skip};
}

/* The first stage of a tile for `channels` channels from `first` on. */
static void first_stage(const call *c, const tile *t, const window *w, int64_t first,
                        int64_t channels, csep_stage_job *job)
{
    enum { LINES = 16 }; /* more rows at once would not stay in L1 below a strip */
    const csep_plan *p = c->plan;
    const csep_conv_desc *d = &p->desc;
    const int size = p->kernels->size;
    csep_line lines[LINES];
    job->line = lines;
    job->row_step = d->dilation_h * w->columns * w->channels;
    job->col_step = w->channels;
    job->width = w->columns;
    job->first_col = t->column * d->stride_w - c->shape->pad_left - w->first_column;
    job->stride = d->stride_w;
    job->dilation = d->dilation_w;
    job->taps = d->kernel_w;
    job->kernel_rows = d->kernel_h;
    job->in_channels = d->in_channels;
    job->first_channel = w->first_channel;
    job->multiplier = d->channel_multiplier;
    job->w = p->dw;
    job->w_period = p->dw_blocks;
    job->bias = p->dw_bias;
    job->lane = p->lane;
    job->channel = first;
    job->channels = channels;
    job->pixels = tile_columns(t);
    for (int64_t row = t->row; row < t->row_end; row += job->lines) {
        job->lines = min64(t->row_end - row, LINES);
        for (int64_t i = 0; i < job->lines; i++)
            lines[i] = line_of(c, w, row + i);
        p->stage(job);
        job->a = at_mut(job->a, job->lines * job->line_step, size);
        if (job->residual)
            job->residual = at(job->residual, job->lines * job->line_step, size);
    }
}

/* Input rows under the kernel of output row `row`, counted through the batch: the first, or one
 * past the last. */
static int64_t input_row(const call *c, int64_t row, int past_the_last)
{
    const csep_conv_desc *d = &c->plan->desc;
    const int64_t height = c->shape->height;
    int64_t in = (row % c->schedule->out_h) * d->stride_h - c->shape->pad_top;
    if (past_the_last)
        in += (d->kernel_h - 1) * d->dilation_h + 1;
    in = in < 0 ? 0 : min64(in, height);
    return row / c->schedule->out_h * height + in;
}

static int64_t dtype_bytes(csep_dtype dtype)
{
    return dtype == CSEP_F64 ? 8 : dtype == CSEP_F32 ? 4 : 2;
}

/* Which pixels and channels of one of the caller's arrays are converted. */
typedef struct part {
    int64_t row, rows; /* counted through the batch, all of one image */
    int64_t column, columns;
    int64_t channel, channels;
} part;

/* Calls the converting kernel for runs of pixels that are side by side in both places: of a row,
 * or of all rows where whole rows are wanted.  height, width and all_channels are the array's. */
static void convert(const call *c, part n, int64_t height, int64_t width, int64_t all_channels,
                    const void *from, void *inside, void *to)
{
    const csep_kernels *kernels = c->plan->kernels;
    const int nchw = c->shape->layout == CSEP_NCHW;
    const int whole_rows = n.columns == width;
    const csep_convert_job job = {
        .dtype = c->shape->dtype,
        .pixels = whole_rows ? n.rows * width : n.columns,
        .channels = n.channels,
        .pixel_step = nchw ? 1 : all_channels,
        .channel_step = nchw ? height * width : 1,
        .inside_step = n.channels,
    };
    const int size = (int)dtype_bytes(c->shape->dtype);
    for (int64_t i = 0; i < (whole_rows ? 1 : n.rows); i++) {
        const int64_t row = n.row + i;
        const int64_t in_image = row % height * width + n.column;
        const int64_t first =
            nchw ? (row / height * all_channels + n.channel) * height * width + in_image
                 : (row / height * height * width + in_image) * all_channels + n.channel;
        void *run = at_mut(inside, i * n.columns * n.channels, kernels->size);
        if (from)
            kernels->bring_in(&job, at(from, first, size), run);
        else
            kernels->take_out(&job, run, at_mut(to, first, size));
    }
}

/* The input of a tile for some channels of the first stage. */
static window bring_in(const call *c, const tile *t, int64_t first, int64_t channels, char *scratch)
{
    const csep_conv_desc *d = &c->plan->desc;
    const csep_shape *s = c->shape;
    if (!c->schedule->staged || c->schedule->input_ready)
        return (window){c->x, 0, 0, s->width, 0, d->in_channels};

    const int64_t m = d->channel_multiplier;
    const int64_t column = t->column * d->stride_w - s->pad_left;
    const int64_t column_end =
        column + (tile_columns(t) - 1) * d->stride_w + (d->kernel_w - 1) * d->dilation_w + 1;
    part n = {.row = input_row(c, t->row, 0), .column = max64(column, 0)};
    n.rows = input_row(c, t->row_end - 1, 1) - n.row;
    n.columns = min64(column_end, s->width) - n.column;
    n.channel = d->kind == CSEP_CONV ? 0 : first / m;
    n.channels = d->kind == CSEP_CONV ? d->in_channels : (first + channels - 1) / m + 1 - n.channel;
    void *inside = scratch + c->schedule->input_at;
    if (n.rows > 0 && n.columns > 0)
        convert(c, n, s->height, s->width, d->in_channels, c->x, inside, NULL);
    else
        n.columns = 0;
    return (window){inside, n.row, n.column, n.columns, n.channel, n.channels};
}

/* Where the outputs of a tile go, for some output channels; the residual is brought along. */
static target aim(const call *c, const part *n, char *scratch)
{
    const csep_plan *p = c->plan;
    const csep_schedule *s = c->schedule;
    const int64_t co = p->desc.out_channels;
    if (!s->staged) {
        const int64_t first = (n->row * s->out_w + n->column) * co + n->channel;
        return (target){
            .c = at_mut(c->y, first, p->kernels->size),
            .residual = c->residual ? at(c->residual, first, p->kernels->size) : NULL,
            .pixel_step = co,
            .line_step = s->out_w * co,
        };
    }
    target to = {.c = scratch + s->output_at,
                 .pixel_step = n->channels,
                 .line_step = n->columns * n->channels};
    if (c->residual) {
        convert(c, *n, s->out_h, s->out_w, co, c->residual, scratch + s->residual_at, NULL);
        to.residual = scratch + s->residual_at;
    }
    return to;
}

static void take_out(const call *c, const part *n, char *scratch)
{
    const csep_schedule *s = c->schedule;
    if (s->staged)
        convert(c, *n, s->out_h, s->out_w, c->plan->desc.out_channels, NULL, scratch + s->output_at,
                c->y);
}

static part part_of(const tile *t, int64_t channel, int64_t channels)
{
    return (part){t->row, t->row_end - t->row, t->column, tile_columns(t), channel, channels};
}

/* A tile of a convolution that ends with its depthwise stage. */
static void run_depthwise(const call *c, const tile *t, char *scratch)
{
    const csep_plan *p = c->plan;
    for (int64_t k = 0; k < p->depth; k += c->schedule->group) {
        const int64_t channels = min64(p->depth - k, c->schedule->group);
        const window w = bring_in(c, t, k, channels, scratch);
        const part n = part_of(t, k, channels);
        const target to = aim(c, &n, scratch);
        csep_stage_job job = {
            .a = to.c,
            .a_step = p->kernels->vl,
            .pixel_step = to.pixel_step,
            .line_step = to.line_step,
            .residual = to.residual,
            .activation = p->desc.activation,
        };
        first_stage(c, t, &w, k, channels, &job);
        take_out(c, &n, scratch);
    }
}

/* The first stage of a tile for K channels first .. first + depth - 1, into a. */
static void fill_a(const call *c, const tile *t, int64_t first, int64_t depth, char *scratch)
{
    const csep_plan *p = c->plan;
    const csep_schedule *s = c->schedule;
    const int64_t vl = p->kernels->vl;
    for (int64_t k = 0; k < depth; k += s->group) {
        const int64_t channels = min64(depth - k, s->group);
        const window w = bring_in(c, t, first + k, channels, scratch);
        csep_stage_job job = {
            .a = at_mut(scratch, k / vl * s->a_step, p->kernels->size),
            .a_step = s->a_step,
            .pixel_step = vl,
            .line_step = tile_columns(t) * vl,
            .activation = p->desc.depthwise_activation,
            .whole_vectors = 1,
        };
        first_stage(c, t, &w, first + k, channels, &job);
    }
}

/* While a tile is multiplied, the input of the one this thread will probably take next is brought
 * to L2, evenly over the product: measured 4 to 12 % on layers whose input comes from memory. */
static void prefetch_next_tile(const call *c, int64_t job, const tile *t,
                               csep_pointwise_job *product)
{
    const csep_plan *p = c->plan;
    const csep_schedule *s = c->schedule;
    if (s->staged || s->column_tiles > 1 || (job + 1) % s->row_tiles == 0)
        return;
    const tile n = tile_of(s, job + 1);
    const int64_t seen = input_row(c, t->row_end - 1, 1);
    const int64_t first = max64(input_row(c, n.row, 0), seen);
    const int64_t rows = input_row(c, n.row_end - 1, 1) - first;
    const int64_t row_elements = c->shape->width * p->desc.in_channels;
    if (rows <= 0)
        return;
    product->ahead = at(c->x, first * row_elements, p->kernels->size);
    product->ahead_count = rows * row_elements;
}

/* The product of a tile with weights that are not packed: some rows of a panel at a time are copied
 * to L1 and meet the whole tile, while the next ones are brought to L2.  Sums go through y in
 * between.  (Whole panels, copied from L2 to L2, cost 1.5 times as much.) */
static void multiply_on_the_way(const call *c, csep_pointwise_job job, void *packed)
{
    const csep_plan *p = c->plan;
    const int size = p->kernels->size;
    const int64_t vl = p->kernels->vl, co = p->desc.out_channels;
    const int64_t width = p->panel_vectors * vl;
    const int64_t rows = c->schedule->rows_packed, depth = job.k, columns = job.columns;
    const void *const a = job.a, *const bias = job.bias;
    const void *const b = at(job.b, job.k_first * co, size);
    const int finish = job.finish;

    job.k_first = 0;
    job.panels_outer = 0;
    job.b = packed;
    job.ahead_count = rows;
    job.ahead_step = co;
    for (int64_t column = 0; column < columns; column += width) {
        job.columns = min64(columns - column, width);
        for (int64_t k = 0; k < depth; k += rows) {
            const int64_t next = k + rows < depth ? k + rows : 0;
            const void *panel = at(b, column, size);
            job.k = next ? rows : depth - k;
            job.k_total = job.k;
            job.b_step = round_up(job.columns, vl);
            job.a = at(a, k / vl * job.a_step, size);
            job.bias = k || !bias ? NULL : at(bias, column, size);
            job.finish = finish && !next;
            job.ahead = next                       ? at(panel, next * co, size)
                        : column + width < columns ? at(panel, width, size)
                                                   : NULL;
            p->kernels->pack_panel(at(panel, k * co, size), co, job.k, job.columns, packed);
            p->kernels->pointwise(&job);
        }
        job.c = at_mut(job.c, width, size);
        if (job.residual)
            job.residual = at(job.residual, width, size);
    }
}

/* A tile for one range of panels: each chunk of K goes through both stages before the next. */
static void run_product(const call *c, int64_t index, const tile *t, char *scratch)
{
    const csep_plan *p = c->plan;
    const csep_schedule *s = c->schedule;
    const int size = p->kernels->size;
    const int64_t split = index / (s->row_tiles * s->column_tiles);
    const int64_t width = p->panel_vectors * p->kernels->vl, co = p->desc.out_channels;
    const int64_t first_column = share(s->panels, split, s->splits) * width;
    const int64_t next_column = min64(share(s->panels, split + 1, s->splits) * width, co);
    const int packed = p->pw_form == CSEP_PW_PACKED;
    const part n = part_of(t, first_column, next_column - first_column);
    const target to = aim(c, &n, scratch);

    csep_pointwise_job job = {
        .a = scratch,
        .a_step = s->a_step,
        .rows = tile_pixels(t),
        .k_total = p->depth,
        .b = at(p->pw, first_column * (packed ? p->depth : 1), size),
        .b_step = p->pw_form == CSEP_PW_IN_PLACE ? co : 0,
        .bias = at(p->bias, first_column, size),
        .c = to.c,
        .ldc = to.pixel_step,
        .columns = n.channels,
        .panel_vectors = p->panel_vectors,
        .panels_outer = s->panels_outer,
        .residual = to.residual,
        .activation = p->desc.activation,
    };
    if (packed && s->depth_chunk >= p->depth)
        prefetch_next_tile(c, index, t, &job);
    for (int64_t k = 0; k < p->depth; k += s->depth_chunk) {
        job.k = min64(p->depth - k, s->depth_chunk);
        job.k_first = k;
        job.finish = k + job.k == p->depth;
        fill_a(c, t, k, job.k, scratch);
        if (p->pw_form == CSEP_PW_ON_THE_WAY)
            multiply_on_the_way(c, job, scratch + s->packed_at);
        else
            p->kernels->pointwise(&job);
        job.bias = NULL;
    }
    take_out(c, &n, scratch);
}

void csep_convert_input(const csep_plan *plan, const csep_shape *shape, const void *x, void *to)
{
    const call c = {.plan = plan, .shape = shape, .x = x};
    const int64_t channels = plan->desc.in_channels;
    const int64_t image = shape->height * shape->width * channels;
    for (int64_t i = 0; i < shape->batch; i++) {
        const part n = {i * shape->height, shape->height, 0, shape->width, 0, channels};
        convert(&c, n, shape->height, shape->width, channels, x,
                at_mut(to, i * image, plan->kernels->size), NULL);
    }
}

void csep_run_job(const csep_plan *plan, const csep_shape *shape, const csep_schedule *schedule,
                  const void *x, const void *residual, void *y, int64_t job, void *scratch)
{
    const call c = {plan, shape, schedule, x, residual, y};
    const tile whole = tile_of(schedule, job);
    tile t = whole;
    for (; t.row < whole.row_end; t.row = t.row_end) {
        /* What is staged belongs to one image. */
        t.row_end = whole.row_end;
        if (schedule->staged)
            t.row_end = min64(t.row_end, (t.row / schedule->out_h + 1) * schedule->out_h);
        if (plan->pw_form == CSEP_PW_NONE)
            run_depthwise(&c, &t, scratch);
        else
            run_product(&c, job, &t, scratch);
    }
}
