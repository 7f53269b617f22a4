/* The loop over tiles; the only file that knows OpenMP. */
#ifdef _OPENMP
#include <omp.h>
#endif

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

/* The depthwise stage of a tile for K channels first .. first + depth - 1, into a. */
static void depthwise_tile(const call *c, const tile *t, int64_t first, int64_t depth, float *a)
{
    const csep_plan *p = c->plan;
    const csep_conv_desc *d = &p->desc;
    const csep_shape *shape = c->shape;
    const csep_schedule *s = c->schedule;
    const int64_t vl = p->kernels->vl, block = first / vl;
    const int64_t row_floats = shape->width * d->in_channels;

    csep_depthwise_job job = {
        .row_step = d->dilation_h * row_floats,
        .col_step = d->in_channels,
        .width = shape->width,
        .first_col = t->column * d->stride_w - shape->pad_left,
        .stride = d->stride_w,
        .dilation = d->dilation_w,
        .taps = d->kernel_w,
        .kernel_rows = d->kernel_h,
        .multiplier = d->channel_multiplier,
        .lane = p->lane + first,
        .channel = first,
        .channels = depth,
        .pixels = t->column_end - t->column,
        .a = a,
        .a_step = s->a_step,
    };
    const float *weights = p->dw + block * d->kernel_h * d->kernel_w * vl;
    for (int64_t row = t->row; row < t->row_end; row++) {
        const int64_t image = row / s->out_h;
        const int64_t top = (row % s->out_h) * d->stride_h - shape->pad_top;
        /* The kernel rows di with 0 <= top + di * dilation < height. */
        const int64_t skip = top < 0 ? (-top + d->dilation_h - 1) / d->dilation_h : 0;
        const int64_t below = shape->height - 1 - top;
        const int64_t end = below < 0 ? 0 : below / d->dilation_h + 1;
        job.rows = (end < d->kernel_h ? end : d->kernel_h) - skip;
        if (job.rows > 0) {
            const int64_t in_row = image * shape->height + top + skip * d->dilation_h;
            job.x = c->x + in_row * row_floats;
            job.w = weights + skip * d->kernel_w * vl;
        } else {
            job.rows = 0;
            job.x = c->x;
            job.w = weights;
        }
        p->depthwise(&job);
        job.a += job.pixels * vl;
    }
}

/* One tile for one range of panels: each chunk of K goes through both stages before the next. */
static void run_job(const call *c, int64_t index, float *a)
{
    const csep_plan *p = c->plan;
    const csep_schedule *s = c->schedule;
    const int64_t part = index % s->splits, at = index / s->splits;
    const int64_t r = at / s->column_tiles, q = at % s->column_tiles;
    const tile t = {
        .row = share(s->rows, r, s->row_tiles),
        .row_end = share(s->rows, r + 1, s->row_tiles),
        .column = share(s->out_w, q, s->column_tiles),
        .column_end = share(s->out_w, q + 1, s->column_tiles),
    };
    const int64_t width = p->panel_vectors * p->kernels->vl, co = p->desc.out_channels;
    const int64_t first_column = share(s->panels, part, s->splits) * width;
    const int64_t next_column = share(s->panels, part + 1, s->splits) * width;

    csep_pointwise_job job = {
        .a = a,
        .a_step = s->a_step,
        .rows = (t.row_end - t.row) * (t.column_end - t.column),
        .k_total = p->depth,
        .b = p->pw + first_column * p->depth,
        .bias = p->bias + first_column,
        .c = c->y + (t.row * s->out_w + t.column) * co + first_column,
        .ldc = co,
        .columns = (next_column < co ? next_column : co) - first_column,
        .panel_vectors = p->panel_vectors,
        .panels_outer = s->panels_outer,
    };
    for (int64_t k = 0; k < p->depth; k += s->depth_chunk) {
        job.k = p->depth - k < s->depth_chunk ? p->depth - k : s->depth_chunk;
        job.k_first = k;
        depthwise_tile(c, &t, k, job.k, a);
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
    char *scratch = csep_scratch(s.scratch_bytes * s.threads);
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
