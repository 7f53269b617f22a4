/* Chooses block sizes and threads for one call. */
#include <stddef.h>

#include "arith.h"
#include "plan.h"

/* The depthwise result of a tile, where the packed weights stay in L2 beside it.  Anything from 32
 * to 192 KiB ran alike on a core with 48 KiB of L1 and 2 MiB of L2. */
#define TILE_BYTES (INT64_C(96) << 10)

/* Input rows that two tiles have in common are brought in twice: with twice the rows, 10 % less
 * time for 56x56x128 of NCHW. */
#define STAGED_TILE_BYTES (INT64_C(192) << 10)

/* Gathered inputs are copies, cheap only where they stay in L1. */
#define GATHERED_BYTES (INT64_C(32) << 10)

/* Without a product: input and output of a tile. */
#define DEPTHWISE_TILE_BYTES (INT64_C(256) << 10)

/* Where packed weights do not stay in L2, the tile is made as large as L2 allows, and every panel
 * meets all of it at once: so many eighths of L2, the rest being for two panels. */
#define L2_EIGHTHS_FOR_LARGE_TILE 3

/* What is packed at a time of weights that are packed on the way: a part of L1. */
#define PACKED_ON_THE_WAY_BYTES (INT64_C(16) << 10)

/* Staged input and staged output of a tile: beside its depthwise result in L2. */
#define STAGED_BYTES (INT64_C(192) << 10)

/* A pixel of the input is brought in once for every tile whose kernel reaches it.  Where that were
 * more often than this (a dilation of thousands), all of it is converted beforehand. */
#define MOST_REPETITION 8.0

/* Multiply-adds worth a thread of their own: about 30 microseconds. */
#define THREAD_WORK 2.0e6

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
    const double columns = d->kind == CSEP_DEPTHWISE ? 0.0 : (double)d->out_channels;
    return (double)p->depth * (taps * DEPTHWISE_COST + columns);
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

/* Output rows and columns of the largest tile. */
typedef struct extent {
    int64_t rows, columns;
} extent;

static int64_t span(int64_t count, int64_t stride, int64_t kernel, int64_t dilation)
{
    return (count - 1) * stride + (kernel - 1) * dilation + 1;
}

/* Input pixels under a tile within one image. */
static int64_t input_pixels(const csep_plan *p, const csep_shape *shape, extent tile)
{
    const csep_conv_desc *d = &p->desc;
    const int64_t rows = span(tile.rows, d->stride_h, d->kernel_h, d->dilation_h);
    const int64_t columns = span(tile.columns, d->stride_w, d->kernel_w, d->dilation_w);
    return min64(rows, shape->height) * min64(columns, shape->width);
}

/* Input channels under a group of channels of the first stage. */
static int64_t channels_under(const csep_plan *p, int64_t group)
{
    const int64_t m = p->desc.channel_multiplier, c = p->desc.in_channels;
    if (p->desc.kind == CSEP_CONV)
        return c;
    return min64(c, m == 1 ? group : group / m + 2);
}

static int64_t staged_input(const csep_plan *p, const csep_shape *shape, extent tile, int64_t group)
{
    return input_pixels(p, shape, tile) * channels_under(p, group) * p->kernels->size;
}

static int64_t staged_output(const csep_plan *p, const csep_schedule *s, extent tile, int64_t group)
{
    const int64_t width = p->panel_vectors * p->kernels->vl;
    const int64_t columns = p->pw_form == CSEP_PW_NONE
                                ? group
                                : min64(ceil_div(s->panels, s->splits) * width,
                                        round_up(p->desc.out_channels, p->kernels->vl));
    return tile.rows * tile.columns * columns * p->kernels->size;
}

static int has_room(const csep_plan *p, const csep_shape *shape, const csep_schedule *s,
                    extent tile, int64_t group)
{
    return staged_input(p, shape, tile, group) <= STAGED_BYTES &&
           staged_output(p, s, tile, group) <= STAGED_BYTES;
}

/* Makes a tile smaller until what is staged has room, then its group of channels larger. */
static void choose_staging(const csep_plan *p, const csep_shape *shape, csep_schedule *s,
                           extent *tile)
{
    const csep_conv_desc *d = &p->desc;
    const int64_t all = s->group;
    s->group = p->kernels->vl;
    while ((tile->rows > 1 || tile->columns > 1) && !has_room(p, shape, s, *tile, s->group)) {
        int64_t *side = tile->rows > 1 ? &tile->rows : &tile->columns;
        *side = ceil_div(*side, 2);
    }
    while (s->group < all && has_room(p, shape, s, *tile, 2 * s->group))
        s->group *= 2;
    if (d->kind == CSEP_CONV || s->group > all)
        s->group = all;
    const double own = (double)min64(tile->rows * d->stride_h, shape->height) *
                       (double)min64(tile->columns * d->stride_w, shape->width);
    s->input_ready = (double)input_pixels(p, shape, *tile) > MOST_REPETITION * own;
}

/* Pixels of a tile, from the room for its depthwise result. */
static int64_t tile_pixels(const csep_plan *p, csep_schedule *s, int64_t packed_bytes)
{
    const int64_t vl = p->kernels->vl, size = p->kernels->size;
    if (p->pw_form == CSEP_PW_NONE) {
        const csep_conv_desc *d = &p->desc;
        s->depth_chunk = round_up(p->depth, vl);
        const int64_t inputs = d->in_channels * min64(d->stride_h * d->stride_w, 16);
        return max64(DEPTHWISE_TILE_BYTES / ((p->depth + inputs) * size), 1);
    }
    const int gathered = p->desc.kind == CSEP_CONV;
    const int64_t mr = p->kernels->max_rows[p->panel_vectors];
    const int64_t least = gathered ? 2 * mr : mr;
    const int64_t pixel_elements = CSEP_MAX_SCRATCH_BYTES / ((least + 1) * size);
    s->depth_chunk = min64(round_up(p->depth, vl), pixel_elements / vl * vl);
    const int64_t other_bytes = packed_bytes + (s->staged ? 3 * STAGED_BYTES : 0);
    const int64_t large = min64(csep_l2_bytes() / 8 * L2_EIGHTHS_FOR_LARGE_TILE,
                                CSEP_MAX_SCRATCH_BYTES - other_bytes);
    const int64_t usual = gathered ? GATHERED_BYTES : s->staged ? STAGED_TILE_BYTES : TILE_BYTES;
    const int64_t tile_bytes = s->panels_outer ? large : usual;
    return max64(tile_bytes / (s->depth_chunk * size) - 1, least);
}

/* Tile size, then the rows dealt evenly. */
static void choose_tiles(const csep_plan *p, const csep_shape *shape, csep_schedule *s)
{
    const int64_t vl = p->kernels->vl, size = p->kernels->size;
    const int64_t packed_bytes = p->pw_form == CSEP_PW_ON_THE_WAY ? PACKED_ON_THE_WAY_BYTES : 0;
    s->rows_packed = packed_bytes / (p->panel_vectors * vl * size);
    const int64_t pixels = tile_pixels(p, s, packed_bytes);
    extent tile = {max64(pixels / s->out_w, 1), min64(pixels, s->out_w)};
    s->group = round_up(p->depth, vl);
    if (s->staged)
        choose_staging(p, shape, s, &tile);

    s->column_tiles = ceil_div(s->out_w, tile.columns);
    const int64_t sharers = s->column_tiles > 1 ? 1 : ceil_div(s->threads, s->splits);
    s->row_tiles = min64(s->rows, round_up(ceil_div(s->rows, tile.rows), sharers));
    tile.rows = ceil_div(s->rows, s->row_tiles);
    tile.columns = ceil_div(s->out_w, s->column_tiles);

    /* An odd number of vectors between channel blocks spreads them over the cache's sets. */
    s->a_step = (tile.rows * tile.columns | 1) * vl;
    const int64_t a = p->pw_form == CSEP_PW_NONE ? 0 : s->a_step * (s->depth_chunk / vl) * size;
    s->packed_at = round_up(a, ALIGNMENT);
    s->input_at = s->packed_at + packed_bytes;
    s->scratch_bytes = s->input_at;
    if (s->staged) {
        const int64_t output = round_up(staged_output(p, s, tile, s->group), ALIGNMENT);
        const int64_t input = s->input_ready ? 0 : staged_input(p, shape, tile, s->group);
        s->output_at = s->input_at + round_up(input, ALIGNMENT);
        s->residual_at = s->output_at + output;
        s->scratch_bytes = s->residual_at + output;
    }
}

csep_status csep_make_schedule(const csep_plan *p, const csep_shape *shape, int num_threads,
                               csep_schedule *s)
{
    if (!p || !shape || num_threads < 1)
        return CSEP_BAD_ARGUMENT;
    const csep_status status = csep_resolve(&p->desc, shape, &s->out_h, &s->out_w);
    if (status != CSEP_OK)
        return status;
    const int64_t panel = p->panel_vectors * p->kernels->vl;
    s->rows = shape->batch * s->out_h;
    s->input_ready = 0;
    s->panels = p->pw_form == CSEP_PW_NONE ? 1 : ceil_div(p->desc.out_channels, panel);
    s->staged = shape->dtype != p->desc.dtype || shape->layout != CSEP_NHWC;

    const int64_t weights =
        p->pw_form == CSEP_PW_NONE ? 0 : p->depth * p->desc.out_channels * p->kernels->size;
    const double work =
        (double)s->rows * (double)s->out_w * pixel_cost(p) + (double)weights * BYTE_COST;
    const double useful = csep_has_openmp() ? 1.0 + work / THREAD_WORK : 1.0;
    s->threads = (int)min64(num_threads, CSEP_MAX_THREADS);
    if (s->threads > useful)
        s->threads = (int)useful;

    s->panels_outer = weights > csep_l2_bytes() / CSEP_L2_PART_FOR_WEIGHTS;
    s->splits = choose_splits(p, s);
    if (s->rows > 0) {
        choose_tiles(p, shape, s);
        s->threads = (int)min64(s->threads, csep_jobs(s));
    }
    return CSEP_OK;
}

int64_t csep_scratch_bytes(const csep_plan *plan, const csep_shape *shape, int num_threads)
{
    csep_schedule s;
    if (csep_make_schedule(plan, shape, num_threads, &s) != CSEP_OK || s.rows == 0)
        return 0;
    return s.scratch_bytes;
}
