#include "plan/schedule.h"

#include "plan/arith.h"
#include "plan/blocks.h"
#include "plan/sizes.h"
#include "system/caches.h"

/* Multiply-adds worth a thread of their own: about 3 microseconds where it is awake, 30 where it is
 * to be woken. */
#define AWAKE_THREAD_WORK 2.0e5
#define ASLEEP_THREAD_WORK 2.0e6

/* A byte of weights that comes from memory takes as long as so many multiply-adds: with few pixels
 * (a classifier) that is all the time there is. */
#define BYTE_COST 4.0

/* A depthwise multiply-add costs about this many pointwise ones. */
#define DEPTHWISE_COST 2.0

enum { ALIGNMENT = 64 };

/* Multiply-adds of one output pixel, as many pointwise ones as take the same time. */
static double pixel_cost(const csep_plan *p)
{
    const csep_conv_desc *d = &p->desc;
    const double taps = d->kind == CSEP_CONV ? 1.0 : (double)(d->kernel_h * d->kernel_w);
    const double columns = d->kind == CSEP_DEPTHWISE ? 0.0 : (double)p->group_columns;
    return (double)p->groups * (double)p->depth * (taps * DEPTHWISE_COST + columns);
}

/* How many ranges the panels are cut into: each range repeats the first stage, but lets threads
 * share few rows evenly.  The slowest thread's multiply-adds decide. */
static int64_t choose_splits(const csep_plan *p, const csep_schedule *s)
{
    const double columns = (double)(p->depth * p->desc.out_channels);
    const double taps = pixel_cost(p) - columns;
    double best = 0;
    int64_t choice = 1;
    for (int64_t splits = 1; splits <= min64(s->threads, s->panels); splits++) {
        const int64_t sharers = ceil_div(s->threads, splits);
        const double rows = (double)ceil_div(s->rows, sharers);
        const double part = columns * (double)ceil_div(s->panels, splits) / (double)s->panels;
        const double cost = rows * (taps + part);
        if (splits == 1 || cost < 0.98 * best) {
            best = cost;
            choice = splits;
        }
    }
    return choice;
}

/* Threads that have enough to do, of those allowed. */
static int useful_threads(double work, double thread_work, int num_threads)
{
    const double useful = 1.0 + work / thread_work;
    const int threads = (int)min64(num_threads, CSEP_MAX_THREADS);
    return threads > useful ? (int)useful : threads;
}

int csep_threads_worth_waking(double work, int num_threads)
{
    return useful_threads(work, ASLEEP_THREAD_WORK, num_threads);
}

static void choose_threads(const csep_plan *p, const csep_geometry *g, int64_t weight_bytes,
                           int num_threads, csep_schedule *s)
{
    const double pixels = (double)(g->input.batch * g->out_h) * (double)g->out_w;
    const double work = pixels * pixel_cost(p) + (double)weight_bytes * BYTE_COST;
    s->threads = useful_threads(work, AWAKE_THREAD_WORK, num_threads);
    s->worth_waking = csep_threads_worth_waking(work, num_threads);
    s->work = work;
}

/* The rows dealt evenly to tiles of at most this extent; where things lie in scratch. */
static void lay_out(const csep_plan *p, const csep_geometry *g, csep_extent tile, csep_schedule *s)
{
    const int64_t vl = p->kernels->vl, size = p->kernels->size;
    s->column_tiles = ceil_div(g->out_w, tile.columns);
    const int64_t sharers = s->column_tiles > 1 ? 1 : ceil_div(s->threads, s->splits);
    s->row_tiles = min64(s->rows, round_up(ceil_div(s->rows, tile.rows), sharers));
    tile.rows = ceil_div(s->rows, s->row_tiles);
    tile.columns = ceil_div(g->out_w, s->column_tiles);
    const int windows = s->a_from == CSEP_WINDOW || s->a_from == CSEP_WINDOW_COPY;
    s->one_image = (s->staged || windows) && tile.rows <= g->out_h;

    /* An odd number of vectors between channel blocks spreads them over the cache's sets. */
    s->a_step = (tile.rows * tile.columns | 1) * vl;
    const int stored = p->form != CSEP_NO_PRODUCT && s->a_from == CSEP_STAGE;
    const int64_t a = stored ? s->a_step * (s->depth_chunk / vl) * size : 0;
    s->packed_at = round_up(a, ALIGNMENT);
    s->input_at = s->packed_at + csep_packed_bytes(p);
    const int64_t window = s->a_from == CSEP_WINDOW_COPY ? csep_window_bytes(p, g, tile) : 0;
    s->scratch_bytes = s->input_at + round_up(window, ALIGNMENT);
    if (s->staged) {
        const int64_t output = round_up(csep_staged_output_bytes(p, s, tile, s->group), ALIGNMENT);
        const int64_t input =
            s->input_converted ? 0 : csep_staged_input_bytes(p, g, tile, s->group);
        s->output_at = s->input_at + round_up(input, ALIGNMENT);
        s->residual_at = s->output_at + output;
        s->scratch_bytes = s->residual_at + output;
    }
}

void csep_make_schedule(const csep_plan *p, const csep_geometry *g, int num_threads,
                        csep_schedule *s)
{
    const int64_t width = p->panel_vectors * p->kernels->vl;
    *s = (csep_schedule){.rows = g->input.batch * g->out_h, .threads = 1, .worth_waking = 1};
    if (s->rows == 0)
        return;
    const int has_product = p->form != CSEP_NO_PRODUCT;
    const int64_t weight_bytes =
        has_product ? p->depth * p->desc.out_channels * p->kernels->size : 0;
    s->groups = p->groups;
    s->panels = has_product ? ceil_div(p->group_columns, width) : 1;
    s->panels_outer = p->form != CSEP_UNPACKED &&
                      weight_bytes / p->groups > csep_cache_sizes().l2 / CSEP_L2_PART_FOR_WEIGHTS;
    s->staged = csep_is_converted(&p->desc, g);
    const double l2 = (double)csep_cache_sizes().l2 / p->kernels->size;
    const double y = (double)s->rows * (double)g->out_w * (double)p->desc.out_channels;
    const double x_pixels = (double)(g->input.batch * g->input.height) * (double)g->input.width;
    s->claim_c = !s->staged && y > l2;
    const int x_is_far = x_pixels * (double)p->desc.in_channels > l2;
    s->prefetch_x = !s->staged && (has_product || x_is_far);
    choose_threads(p, g, weight_bytes, num_threads, s);
    s->splits = s->threads > 1 && s->groups == 1 ? choose_splits(p, s) : 1;
    const csep_extent tile = csep_choose_blocks(p, g, s);
    lay_out(p, g, tile, s);
    s->threads = (int)min64(s->threads, csep_jobs(s));
    s->worth_waking = (int)min64(s->worth_waking, s->threads);
}
