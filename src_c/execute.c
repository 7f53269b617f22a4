/* The loop over tiles; the only file that knows OpenMP. */
#ifdef _OPENMP
#include <omp.h>
#endif

#include <stddef.h>

#include "plan.h"
#include "scratch.h"

typedef struct call {
    const csep_plan *plan;
    const csep_shape *shape;
    const csep_schedule *schedule;
    const float *x;
    float *y;
} call;

/* Output rows and columns of one tile; rows are counted through the whole batch. */
typedef struct tile {
    int64_t row, row_end, column, column_end;
} tile;

int csep_has_openmp(void)
{
#ifdef _OPENMP
    return 1;
#else
    return 0;
#endif
}

/* Where part i of n begins when count things are dealt evenly. */
static int64_t share(int64_t count, int64_t i, int64_t n)
{
    return i * (count / n) + (i < count % n ? i : count % n);
}

/* The kernel rows of one output row that lie inside the image. */
static csep_depthwise_line line_of(const call *c, int64_t row)
{
    const csep_conv_desc *d = &c->plan->desc;
    const int64_t height = c->shape->height, dilation = d->dilation_h;
    const int64_t image = row / c->schedule->out_h;
    const int64_t top = (row % c->schedule->out_h) * d->stride_h - c->shape->pad_top;
    /* Those di with 0 <= top + di * dilation < height. */
    const int64_t skip = top < 0 ? (-top + dilation - 1) / dilation : 0;
    const int64_t end = top < height ? (height - 1 - top) / dilation + 1 : 0;
    const int64_t rows = (end < d->kernel_h ? end : d->kernel_h) - skip;
    if (rows <= 0)
        return (csep_depthwise_line){c->x, 0, 0};
    const int64_t in_row = image * height + top + skip * dilation;
    return (csep_depthwise_line){c->x + in_row * c->shape->width * d->in_channels, rows, skip};
}

/* The depthwise stage of a tile for K channels first .. first + depth - 1, into a. */
static void depthwise_tile(const call *c, const tile *t, int64_t first, int64_t depth, float *a)
{
    enum { LINES = 16 }; /* more rows at once would not stay in L1 below a strip */
    const csep_plan *p = c->plan;
    const csep_conv_desc *d = &p->desc;
    csep_depthwise_line lines[LINES];
    csep_depthwise_job job = {
        .line = lines,
        .row_step = d->dilation_h * c->shape->width * d->in_channels,
        .col_step = d->in_channels,
        .width = c->shape->width,
        .first_col = t->column * d->stride_w - c->shape->pad_left,
        .stride = d->stride_w,
        .dilation = d->dilation_w,
        .taps = d->kernel_w,
        .kernel_rows = d->kernel_h,
        .w = p->dw + first * d->kernel_h * d->kernel_w,
        .multiplier = d->channel_multiplier,
        .lane = p->lane + first,
        .channel = first,
        .channels = depth,
        .pixels = t->column_end - t->column,
        .a = a,
        .a_step = c->schedule->a_step,
    };
    for (int64_t row = t->row; row < t->row_end; row += job.lines) {
        job.lines = t->row_end - row < LINES ? t->row_end - row : LINES;
        for (int64_t i = 0; i < job.lines; i++)
            lines[i] = line_of(c, row + i);
        p->depthwise(&job);
        job.a += job.lines * job.pixels * p->kernels->vl;
    }
}

static tile tile_of(const csep_schedule *s, int64_t job)
{
    const int64_t at = job / s->splits;
    const int64_t r = at / s->column_tiles, q = at % s->column_tiles;
    return (tile){
        .row = share(s->rows, r, s->row_tiles),
        .row_end = share(s->rows, r + 1, s->row_tiles),
        .column = share(s->out_w, q, s->column_tiles),
        .column_end = share(s->out_w, q + 1, s->column_tiles),
    };
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
    in = in < 0 ? 0 : in < height ? in : height;
    return row / c->schedule->out_h * height + in;
}

/* While a tile is multiplied, the input of the one this thread will probably take next is brought
 * to L2, evenly over the product: measured 4 to 12 % on layers whose input comes from memory. */
static void prefetch_next_tile(const call *c, int64_t job, const tile *t,
                               csep_pointwise_job *product)
{
    const csep_plan *p = c->plan;
    const csep_schedule *s = c->schedule;
    const int64_t next = job + s->threads * s->splits;
    if (s->column_tiles > 1 || next >= s->row_tiles * s->splits)
        return;
    const tile n = tile_of(s, next);
    const int64_t seen = input_row(c, t->row_end - 1, 1);
    int64_t first = input_row(c, n.row, 0);
    first = first > seen ? first : seen;
    const int64_t rows = input_row(c, n.row_end - 1, 1) - first;
    const int64_t row_floats = c->shape->width * p->desc.in_channels;
    if (rows <= 0)
        return;
    product->ahead = c->x + first * row_floats;
    product->ahead_count = rows * row_floats;
}

/* The product of a tile with weights that are not packed: some rows of a panel at a time are copied
 * to L1 and meet the whole tile, while the next ones are brought to L2.  Sums go through y in
 * between.  (Whole panels, copied from L2 to L2, cost 1.5 times as much.) */
static void multiply_on_the_way(const call *c, csep_pointwise_job job, float *packed)
{
    const csep_plan *p = c->plan;
    const int64_t vl = p->kernels->vl, co = p->desc.out_channels;
    const int64_t width = p->panel_vectors * vl;
    const int64_t rows = c->schedule->rows_packed, depth = job.k, columns = job.columns;
    const float *const a = job.a, *const b = job.b + job.k_first * co, *const bias = job.bias;

    job.k_first = 0;
    job.panels_outer = 0;
    job.b = packed;
    job.ahead_count = rows;
    job.ahead_step = co;
    for (int64_t at = 0; at < columns; at += width) {
        job.columns = columns - at < width ? columns - at : width;
        for (int64_t k = 0; k < depth; k += rows) {
            const int64_t next = k + rows < depth ? k + rows : 0;
            job.k = next ? rows : depth - k;
            job.k_total = job.k;
            job.b_step = (job.columns + vl - 1) / vl * vl;
            job.a = a + k / vl * job.a_step;
            job.bias = k || !bias ? NULL : bias + at;
            job.ahead = next ? b + next * co + at : at + width < columns ? b + at + width : NULL;
            p->kernels->pack_panel(b + k * co + at, co, job.k, job.columns, packed);
            p->kernels->pointwise(&job);
        }
        job.c += width;
    }
}

/* One tile for one range of panels: each chunk of K goes through both stages before the next. */
static void run_job(const call *c, int64_t index, float *a)
{
    const csep_plan *p = c->plan;
    const csep_schedule *s = c->schedule;
    const tile t = tile_of(s, index);
    const int64_t part = index % s->splits;
    const int64_t width = p->panel_vectors * p->kernels->vl, co = p->desc.out_channels;
    const int64_t first_column = share(s->panels, part, s->splits) * width;
    const int64_t next_column = share(s->panels, part + 1, s->splits) * width;
    const int packed = p->pw_form == CSEP_PW_PACKED;

    csep_pointwise_job job = {
        .a = a,
        .a_step = s->a_step,
        .rows = (t.row_end - t.row) * (t.column_end - t.column),
        .k_total = p->depth,
        .b = p->pw + first_column * (packed ? p->depth : 1),
        .b_step = p->pw_form == CSEP_PW_IN_PLACE ? co : 0,
        .bias = p->bias + first_column,
        .c = c->y + (t.row * s->out_w + t.column) * co + first_column,
        .ldc = co,
        .columns = (next_column < co ? next_column : co) - first_column,
        .panel_vectors = p->panel_vectors,
        .panels_outer = s->panels_outer,
    };
    if (packed && s->depth_chunk >= p->depth)
        prefetch_next_tile(c, index, &t, &job);
    for (int64_t k = 0; k < p->depth; k += s->depth_chunk) {
        job.k = p->depth - k < s->depth_chunk ? p->depth - k : s->depth_chunk;
        job.k_first = k;
        depthwise_tile(c, &t, k, job.k, a);
        if (p->pw_form == CSEP_PW_ON_THE_WAY)
            multiply_on_the_way(c, job, a + s->tile_bytes / (int64_t)sizeof *a);
        else
            p->kernels->pointwise(&job);
        job.bias = 0;
    }
}

csep_status csep_execute(const csep_plan *plan, const csep_shape *shape, const float *x, float *y,
                         int num_threads)
{
    csep_schedule s;
    const csep_status status = csep_make_schedule(plan, shape, num_threads, &s);
    if (status != CSEP_OK)
        return status;
    if (s.rows == 0)
        return CSEP_OK;
    if (!x || !y)
        return CSEP_BAD_ARGUMENT;

    const int64_t jobs = s.row_tiles * s.column_tiles * s.splits;
    if (s.threads > jobs)
        s.threads = (int)jobs;
    char *scratch = csep_scratch(CSEP_FOR_TILES, s.scratch_bytes * s.threads);
    if (!scratch)
        return CSEP_NO_MEMORY;
    const call c = {plan, shape, &s, x, y};

#ifdef _OPENMP
    if (s.threads > 1) {
#pragma omp parallel num_threads(s.threads)
        {
            float *a = (float *)(scratch + omp_get_thread_num() * s.scratch_bytes);
#pragma omp for schedule(dynamic, 1)
            for (int64_t i = 0; i < jobs; i++)
                run_job(&c, i, a);
        }
        return CSEP_OK;
    }
#endif
    for (int64_t i = 0; i < jobs; i++)
        run_job(&c, i, (float *)scratch);
    return CSEP_OK;
}

csep_status csep_convolve(const csep_conv_desc *desc, const csep_shape *shape, const float *dw,
                          const float *pw, const float *bias, const float *x, float *y,
                          int num_threads)
{
    csep_plan passing;
    csep_status status = csep_make_passing_plan(&passing, desc, dw, pw, bias);
    if (status == CSEP_OK)
        return csep_execute(&passing, shape, x, y, num_threads);
    if (status != CSEP_NO_MEMORY)
        return status;
    csep_plan *plan;
    status = csep_plan_create(&plan, desc, dw, pw, bias);
    if (status != CSEP_OK)
        return status;
    status = csep_execute(plan, shape, x, y, num_threads);
    csep_plan_destroy(plan);
    return status;
}
