#include "plan/blocks.h"

#include "plan/arith.h"
#include "plan/sizes.h"
#include "system/caches.h"

/* The first stage's result of a tile, where the packed weights stay in L2 beside it.  Anything from
 * 32 to 192 KiB ran alike on a core with 48 KiB of L1 and 2 MiB of L2. */
#define TILE_BYTES (INT64_C(96) << 10)

/* Input rows that two tiles have in common are converted twice: with twice the rows, 10 % less
 * time for 56x56x128 of NCHW. */
#define STAGED_TILE_BYTES (INT64_C(192) << 10)

/* The result of im2col is a copy, cheap only where it stays in L1. */
#define IM2COL_BYTES (INT64_C(32) << 10)

/* Without a product: input and output of a tile. */
#define DEPTHWISE_TILE_BYTES (INT64_C(256) << 10)

/* Where packed weights do not stay in L2, the tile is made as large as L2 allows, and every panel
 * meets all of it at once: so many eighths of L2, the rest being for two panels. */
#define L2_EIGHTHS_FOR_LARGE_TILE 3

/* What is packed at a time of weights that are packed during the product: a part of L1. */
#define PACKED_IN_PRODUCT_BYTES (INT64_C(16) << 10)

/* Staged input and staged output of a tile: beside its first stage's result in L2. */
#define STAGED_BYTES (INT64_C(192) << 10)

/* What rounding to whole vectors and cache lines adds to the parts of scratch, and the dealing of
 * jobs. */
#define ROUNDING_BYTES INT64_C(1024)

/* A pixel of the input is converted once for every tile whose kernel reaches it.  Where that were
 * more often than this (a dilation of thousands), all of it is converted beforehand. */
#define MOST_CONVERSIONS 8.0

/* Ordinary convolutions with so many outputs spend so much more time on the product that converting
 * again does not show. */
#define OUTPUTS_THAT_HIDE_CONVERSION 32

static int64_t span(int64_t count, int64_t stride, int64_t kernel, int64_t dilation)
{
    return (count - 1) * stride + (kernel - 1) * dilation + 1;
}

/* Input pixels under a tile that is staged: within one image, or of all images that it touches. */
static int64_t input_pixels(const csep_plan *p, const csep_geometry *g, csep_extent tile)
{
    const csep_conv_desc *d = &p->desc;
    const int64_t images = tile.rows > g->out_h ? ceil_div(tile.rows - 1, g->out_h) + 1 : 1;
    const int64_t rows =
        images > 1 ? g->input.height : span(tile.rows, g->rows.step, d->kernel_h, d->dilation_h);
    const int64_t columns = span(tile.columns, g->columns.step, d->kernel_w, d->dilation_w);
    return images * min64(rows, g->input.height) * min64(columns, g->input.width);
}

/* Input channels under a group of channels of the first stage. */
static int64_t channels_under(const csep_plan *p, int64_t group)
{
    const int64_t m = p->desc.channel_multiplier, c = p->desc.in_channels;
    if (p->desc.kind == CSEP_CONV)
        return c / p->groups;
    return min64(c, m == 1 ? group : group / m + 2);
}

int64_t csep_staged_input_bytes(const csep_plan *p, const csep_geometry *g, csep_extent tile,
                                int64_t group)
{
    return input_pixels(p, g, tile) * channels_under(p, group) * p->kernels->size;
}

int64_t csep_staged_output_bytes(const csep_plan *p, const csep_schedule *s, csep_extent tile,
                                 int64_t group)
{
    const int64_t width = p->panel_vectors * p->kernels->vl;
    const int64_t columns = p->form == CSEP_NO_PRODUCT
                                ? group
                                : min64(ceil_div(s->panels, s->splits) * width,
                                        round_up(p->group_columns, p->kernels->vl));
    return tile.rows * tile.columns * columns * p->kernels->size;
}

int64_t csep_packed_bytes(const csep_plan *p)
{
    return p->form == CSEP_PACKED_IN_PRODUCT ? PACKED_IN_PRODUCT_BYTES : 0;
}

/* Rows of a panel that fit into the room for packed ones: whole vectors of K, so that a part of A
 * begins at a channel block. */
static int64_t rows_packed(const csep_plan *p)
{
    const int64_t vl = p->kernels->vl;
    if (p->form != CSEP_PACKED_IN_PRODUCT)
        return 0;
    const int64_t rows = csep_packed_bytes(p) / (p->panel_vectors * vl * p->kernels->size);
    return rows / vl * vl;
}

static int has_room(const csep_plan *p, const csep_geometry *g, const csep_schedule *s,
                    csep_extent tile, int64_t group)
{
    return csep_staged_input_bytes(p, g, tile, group) <= STAGED_BYTES &&
           csep_staged_output_bytes(p, s, tile, group) <= STAGED_BYTES;
}

/* Makes a tile smaller until what is staged has room, then its group of channels larger. */
static void fit_staging(const csep_plan *p, const csep_geometry *g, csep_schedule *s,
                        csep_extent *tile)
{
    const csep_conv_desc *d = &p->desc;
    const int64_t all = s->group;
    s->group = csep_is_flat(d, p->kernels->vl) ? all : p->kernels->vl;
    while ((tile->rows > 1 || tile->columns > 1) && !has_room(p, g, s, *tile, s->group)) {
        int64_t *side = tile->rows > 1 ? &tile->rows : &tile->columns;
        *side = ceil_div(*side, 2);
    }
    while (s->group < all && has_room(p, g, s, *tile, 2 * s->group))
        s->group *= 2;
    if (d->kind == CSEP_CONV || s->group > all)
        s->group = all;
    const double rows = (double)tile->rows * (double)min64(g->rows.step, g->input.height);
    const double own = rows * (double)min64(tile->columns * g->columns.step, g->input.width);
    const int hidden = d->kind == CSEP_CONV && p->group_columns >= OUTPUTS_THAT_HIDE_CONVERSION &&
                       csep_staged_input_bytes(p, g, *tile, s->group) <= 2 * STAGED_BYTES &&
                       csep_staged_output_bytes(p, s, *tile, s->group) <= STAGED_BYTES / 2;
    s->input_converted = !hidden && (double)input_pixels(p, g, *tile) > MOST_CONVERSIONS * own;
}

/* Pixels of a tile, from the room for its first stage's result; sets depth_chunk. */
static int64_t tile_pixels(const csep_plan *p, csep_schedule *s)
{
    const int64_t vl = p->kernels->vl, size = p->kernels->size;
    if (p->form == CSEP_NO_PRODUCT) {
        const csep_conv_desc *d = &p->desc;
        s->depth_chunk = round_up(p->depth, vl);
        const int64_t inputs = d->in_channels * min64(d->stride_h * d->stride_w, 16);
        return max64(DEPTHWISE_TILE_BYTES / ((p->depth + inputs) * size), 1);
    }
    const int im2col = p->desc.kind == CSEP_CONV;
    const int64_t mr = p->kernels->mr[p->panel_vectors];
    const int64_t least = im2col ? 2 * mr : mr;
    const int64_t room = CSEP_MAX_SCRATCH_BYTES - ROUNDING_BYTES - csep_packed_bytes(p) -
                         (s->staged ? 3 * STAGED_BYTES : 0);
    const int64_t pixel_elements = room / ((least + 1) * size);
    s->depth_chunk = min64(round_up(p->depth, vl), pixel_elements / vl * vl);
    const int64_t large = min64(csep_cache_sizes().l2 / 8 * L2_EIGHTHS_FOR_LARGE_TILE, room);
    const int64_t usual = im2col ? IM2COL_BYTES : s->staged ? STAGED_TILE_BYTES : TILE_BYTES;
    const int64_t tile_bytes = s->panels_outer ? large : usual;
    return max64(tile_bytes / (s->depth_chunk * size) - 1, least);
}

csep_extent csep_choose_blocks(const csep_plan *p, const csep_geometry *g, csep_schedule *s)
{
    const int64_t pixels = tile_pixels(p, s);
    csep_extent tile = {max64(pixels / g->out_w, 1), min64(pixels, g->out_w)};
    s->rows_packed = rows_packed(p);
    s->group = round_up(p->depth, p->kernels->vl);
    s->input_converted = 0;
    if (s->staged)
        fit_staging(p, g, s, &tile);
    return tile;
}
