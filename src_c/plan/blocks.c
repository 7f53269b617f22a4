#include "plan/blocks.h"

#include "plan/arith.h"
#include "plan/sizes.h"
#include "system/caches.h"

/* The model.  While a tile is multiplied, L2 holds its first stage's result, the packed weights (a
 * quarter at most), the input of the next tile, which is being prefetched, and the part of y that
 * is being written.  L1 holds what is written to be read at once.  benchmarks/README.md has the
 * measurements. */
static int64_t l1(void) { return csep_cache_sizes().l1; }
static int64_t l2(void) { return csep_cache_sizes().l2; }

/* The first stage's result of a tile, where the packed weights stay in L2 beside it: 48 to 192 KiB
 * ran alike with 1 MiB of L2, 32 to 192 with 2 MiB, 48 to 96 with 512 KiB.  im2col wants as much:
 * with 32 KiB, which stay in L1, 56x56x64 took 8 % longer with AVX2. */
static int64_t tile_bytes(void) { return min64(l2() / 32 * 3, 4 * l1()); }

/* The most that staged input and staged output of a tile take, each: what scratch has room for. */
static const int64_t staged_bytes = CSEP_MAX_SCRATCH_BYTES / 16 * 3;

/* The first stage's result where the input is converted.  Rows that two tiles have in common are
 * converted twice: with twice the rows, 10 % less time for 56x56x128 of NCHW. */
static int64_t staged_tile_bytes(void) { return min64(l2() / 4, staged_bytes); }

/* Without a product: input and output of a tile.  Of an ordinary convolution: the input. */
static int64_t depthwise_bytes(void) { return l2() / 4; }

/* Where packed weights do not stay in L2, the tile is made as large as L2 allows, and every panel
 * meets all of it at once: the rest is for two panels. */
static int64_t large_tile_bytes(void) { return l2() / 8 * 3; }

/* What is packed at a time of weights that are packed during the product: half of L1, and room for
 * the rows of a chunk of the sum, each two cache lines. */
static int64_t packed_bytes(void)
{
    return max64(min64(l1() / 2, INT64_C(64) << 10), INT64_C(2) * 64 * CSEP_SUM_CHUNK);
}

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
    return p->form == CSEP_PACKED_IN_PRODUCT ? packed_bytes() : 0;
}

/* As many panels as two cache lines of a row reach over.  With one panel of 64 bytes and twice the
 * rows, 256 lines 8 KiB apart had to stay in 128 places of L2 until they were packed. */
int64_t csep_packed_panels(const csep_plan *p)
{
    enum { BYTES_TOGETHER = 128 };
    return max64(BYTES_TOGETHER / (p->panel_vectors * p->kernels->vl * p->kernels->size), 1);
}

/* Rows of these panels that fit into the room for packed ones: whole chunks of the sum. */
static int64_t rows_packed(const csep_plan *p)
{
    const int64_t vl = p->kernels->vl, columns = csep_packed_panels(p) * p->panel_vectors * vl;
    if (p->form != CSEP_PACKED_IN_PRODUCT)
        return 0;
    const int64_t rows = csep_packed_bytes(p) / (columns * p->kernels->size);
    return rows / CSEP_SUM_CHUNK * CSEP_SUM_CHUNK;
}

static int has_room(const csep_plan *p, const csep_geometry *g, const csep_schedule *s,
                    csep_extent tile, int64_t group)
{
    return csep_staged_input_bytes(p, g, tile, group) <= staged_bytes &&
           csep_staged_output_bytes(p, s, tile, group) <= staged_bytes;
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
                       csep_staged_input_bytes(p, g, *tile, s->group) <= 2 * staged_bytes &&
                       csep_staged_output_bytes(p, s, *tile, s->group) <= staged_bytes / 2;
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
        return max64(depthwise_bytes() / ((p->depth + inputs) * size), 1);
    }
    const int im2col = p->desc.kind == CSEP_CONV;
    const int64_t mr = p->kernels->mr[p->panel_vectors];
    const int64_t least = im2col ? 2 * mr : mr;
    const int64_t room = CSEP_MAX_SCRATCH_BYTES - ROUNDING_BYTES - csep_packed_bytes(p) -
                         (s->staged ? 3 * staged_bytes : 0);
    const int64_t pixel_elements = room / ((least + 1) * size);
    const int64_t chunks = pixel_elements / CSEP_SUM_CHUNK * CSEP_SUM_CHUNK;
    s->depth_chunk = min64(round_up(p->depth, vl), chunks);
    const int64_t bytes = s->panels_outer        ? large_tile_bytes()
                          : s->staged && !im2col ? staged_tile_bytes()
                                                 : tile_bytes();
    return max64(min64(bytes, room) / (s->depth_chunk * size) - 1, least);
}

/* Whether a micro-tile of so many rows stays in L1 where they are so many elements apart: those
 * that fall on one set of it take no more than half of its ways. */
static int rows_stay_in_l1(const csep_plan *p, int64_t rows, int64_t distance)
{
    enum { SETS_BYTES = 4096 };  /* L1 has as many ways as it has such parts, on any x86 */
    int64_t places = SETS_BYTES; /* the greatest power of two in the distance */
    while (distance * p->kernels->size % places)
        places /= 2;
    return ceil_div(rows * places, SETS_BYTES) <= l1() / SETS_BYTES / 2;
}

/* Bytes of one input row under so many outputs, padding included; as a double, for the widest. */
static double window_row_bytes(const csep_plan *p, const csep_geometry *g, int64_t columns)
{
    const csep_conv_desc *d = &p->desc;
    const double pixels = (double)span(columns, g->columns.step, d->kernel_w, d->dilation_w);
    return pixels * (double)(d->in_channels / p->groups * p->kernels->size);
}

static double window_bytes(const csep_plan *p, const csep_geometry *g, csep_extent tile)
{
    const csep_conv_desc *d = &p->desc;
    const int64_t rows = span(tile.rows, g->rows.step, d->kernel_h, d->dilation_h);
    return (double)rows * window_row_bytes(p, g, tile.columns);
}

int64_t csep_window_bytes(const csep_plan *p, const csep_geometry *g, csep_extent tile)
{
    return (int64_t)window_bytes(p, g, tile);
}

/* The largest tile of an ordinary convolution within one image whose window has room. */
static csep_extent window_tile(const csep_plan *p, const csep_geometry *g, double room)
{
    csep_extent tile = {1, g->out_w};
    while (tile.columns > 1 && window_bytes(p, g, tile) > room)
        tile.columns = ceil_div(tile.columns, 2);
    const int64_t rows = (int64_t)(room / window_row_bytes(p, g, tile.columns));
    const int64_t reach = csep_reach_h(&p->desc);
    if (tile.columns == g->out_w && rows > reach)
        tile.rows = min64((rows - reach) / g->rows.step + 1, g->out_h);
    return tile;
}

/* Where the product finds A, and in which tiles.  In windows where each kernel row is in one piece,
 * tiles are as large as otherwise, and so are micro-tiles, which end with a line: of 4 rows and 16
 * columns, 7x7x512 took 10 % longer with AVX2 than all copied as im2col, 14x14x256 2 %. */
static csep_operand choose_operand(const csep_plan *p, const csep_geometry *g, csep_schedule *s,
                                   csep_extent *tile)
{
    enum { FEWEST_ROWS = 5 };
    const csep_conv_desc *d = &p->desc;
    const csep_input *in = &g->input;
    const int64_t mr = p->kernels->mr[p->panel_vectors];
    if (csep_is_pointwise(d, g))
        return rows_stay_in_l1(p, mr, s->staged ? p->depth : d->in_channels) ? CSEP_PIXELS
                                                                             : CSEP_STAGE;
    if (d->kind != CSEP_CONV || s->staged || p->form == CSEP_PACKED_IN_PRODUCT ||
        d->dilation_w != 1)
        return CSEP_STAGE;
    const int padded = in->pad_top || in->pad_bottom || in->pad_left || in->pad_right;
    const int copied = padded || (p->groups > 1 && d->kernel_w > 1);
    const double bytes = (double)(s->panels_outer ? large_tile_bytes() : depthwise_bytes());
    const double room = copied && bytes > (double)staged_bytes ? (double)staged_bytes : bytes;
    const csep_extent wanted = window_tile(p, g, room);
    const int64_t fewest = min64(tile->rows * tile->columns, 4 * mr);
    const int64_t pixel = copied ? d->in_channels / p->groups : d->in_channels;
    const int64_t shortest = wanted.columns / ceil_div(wanted.columns, mr);
    if (shortest < FEWEST_ROWS || wanted.rows * wanted.columns < fewest ||
        (copied && window_bytes(p, g, wanted) > room) ||
        !rows_stay_in_l1(p, min64(mr, wanted.columns), g->columns.step * pixel))
        return CSEP_STAGE;
    s->depth_chunk = round_up(p->depth, p->kernels->vl);
    *tile = wanted;
    return copied ? CSEP_WINDOW_COPY : CSEP_WINDOW;
}

csep_extent csep_choose_blocks(const csep_plan *p, const csep_geometry *g, csep_schedule *s)
{
    const int64_t pixels = tile_pixels(p, s);
    csep_extent tile = {max64(pixels / g->out_w, 1), min64(pixels, g->out_w)};
    s->rows_packed = rows_packed(p);
    s->group = round_up(p->depth, p->kernels->vl);
    s->input_converted = 0;
    s->a_from = choose_operand(p, g, s, &tile);
    if (s->staged)
        fit_staging(p, g, s, &tile);
    return tile;
}
