/* Chooses kernels and block sizes, packs weights. */
#define _DEFAULT_SOURCE /* madvise */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "plan.h"
#include "scratch.h"

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

/* The depthwise result of a tile, where the packed weights stay in L2 beside it.  Anything from 32
 * to 192 KiB ran alike on a core with 48 KiB of L1 and 2 MiB of L2. */
#define TILE_BYTES (INT64_C(96) << 10)

/* Packed weights above this part of L2 do not stay there from one tile to the next: then the tile
 * is made as large as L2 allows, and every panel meets all of it at once. */
#define L2_PART_FOR_WEIGHTS 4

/* ... which is this many eighths of L2, the rest being for two panels. */
#define L2_EIGHTHS_FOR_LARGE_TILE 3

/* A matrix this small is in L1 after its first use, packed or not. */
#define IN_PLACE_BYTES (INT64_C(32) << 10)

/* What is packed at a time of weights that are packed on the way: a part of L1. */
#define PACKED_ON_THE_WAY_BYTES (INT64_C(16) << 10)

/* Multiply-adds worth a thread of their own: about 30 microseconds. */
#define THREAD_WORK 2.0e6

/* A depthwise multiply-add costs about this many pointwise ones. */
#define DEPTHWISE_COST 2.0

static int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t max64(int64_t a, int64_t b) { return a > b ? a : b; }
static int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
static int64_t round_up(int64_t a, int64_t to) { return ceil_div(a, to) * to; }

/* Bytes of an array of floats with these sides; -1 if they do not fit, with room for padding. */
static int64_t float_bytes(const int64_t *sides, int count)
{
    int64_t bytes = (int64_t)sizeof(float);
    for (int i = 0; i < count; i++)
        if (__builtin_mul_overflow(bytes, sides[i], &bytes) || bytes > INT64_MAX / 64)
            return -1;
    return bytes;
}

static int in_range(int64_t value, int64_t low) { return value >= low && value <= CSEP_MAX_STEP; }

static csep_status check_desc(const csep_conv_desc *d)
{
    const int64_t fields[] = {d->in_channels, d->channel_multiplier, d->out_channels,
                              d->kernel_h,    d->kernel_w,           d->stride_h,
                              d->stride_w,    d->dilation_h,         d->dilation_w};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        if (!in_range(fields[i], 1))
            return CSEP_BAD_ARGUMENT;
    const int64_t dw[] = {d->kernel_h, d->kernel_w, d->in_channels, d->channel_multiplier};
    const int64_t pw[] = {d->in_channels, d->channel_multiplier, d->out_channels};
    if (float_bytes(dw, 4) < 0 || float_bytes(pw, 3) < 0)
        return CSEP_BAD_SHAPE;
    return CSEP_OK;
}

/* Output pixels along one side; < 1 when the kernel does not fit. */
static int64_t out_side(int64_t in, int64_t before, int64_t after, int64_t kernel, int64_t stride,
                        int64_t dilation)
{
    const int64_t room = in + before + after - ((kernel - 1) * dilation + 1);
    return room < 0 ? 0 : room / stride + 1;
}

static void same_side(int64_t in, int64_t kernel, int64_t stride, int64_t dilation, int64_t *before,
                      int64_t *after)
{
    const int64_t outputs = in / stride + (in % stride != 0);
    const int64_t total = max64((outputs - 1) * stride + (kernel - 1) * dilation + 1 - in, 0);
    *before = total / 2;
    *after = total - *before;
}

csep_status csep_same_padding(const csep_conv_desc *d, csep_shape *s)
{
    if (!d || !s || check_desc(d) != CSEP_OK || s->height < 0 || s->width < 0)
        return CSEP_BAD_ARGUMENT;
    same_side(s->height, d->kernel_h, d->stride_h, d->dilation_h, &s->pad_top, &s->pad_bottom);
    same_side(s->width, d->kernel_w, d->stride_w, d->dilation_w, &s->pad_left, &s->pad_right);
    return CSEP_OK;
}

csep_status csep_output_size(const csep_conv_desc *d, const csep_shape *s, int64_t *out_h,
                             int64_t *out_w)
{
    if (!d || !s || !out_h || !out_w || check_desc(d) != CSEP_OK)
        return CSEP_BAD_ARGUMENT;
    if (s->batch < 0 || s->height < 0 || s->width < 0 || !in_range(s->pad_top, 0) ||
        !in_range(s->pad_bottom, 0) || !in_range(s->pad_left, 0) || !in_range(s->pad_right, 0))
        return CSEP_BAD_ARGUMENT;
    const int64_t x[] = {max64(s->batch, 1), max64(s->height, 1), max64(s->width, 1),
                         d->in_channels};
    if (float_bytes(x, 4) < 0)
        return CSEP_BAD_SHAPE;
    *out_h =
        out_side(s->height, s->pad_top, s->pad_bottom, d->kernel_h, d->stride_h, d->dilation_h);
    *out_w = out_side(s->width, s->pad_left, s->pad_right, d->kernel_w, d->stride_w, d->dilation_w);
    if (*out_h < 1 || *out_w < 1)
        return CSEP_BAD_SHAPE;
    const int64_t y[] = {max64(s->batch, 1), *out_h, *out_w, d->out_channels};
    return float_bytes(y, 4) < 0 ? CSEP_BAD_SHAPE : CSEP_OK;
}

static csep_depthwise_fn choose_depthwise(const csep_kernels *kernels, const csep_conv_desc *d)
{
    const csep_depthwise_entry *e = kernels->depthwise;
    while (e->taps && !(e->taps == d->kernel_w && e->stride == d->stride_w && d->dilation_w == 1))
        e++;
    return e->run;
}

static void pack_depthwise(const csep_plan *p, const float *dw)
{
    const int64_t vl = p->kernels->vl, taps = p->desc.kernel_h * p->desc.kernel_w;
    for (int64_t k = 0; k < p->depth; k += vl)
        p->kernels->pack_panel(dw + k, p->depth, taps, min64(vl, p->depth - k), p->dw + k * taps);
}

static void pack_lanes(const csep_plan *p)
{
    const int64_t vl = p->kernels->vl, m = p->desc.channel_multiplier;
    for (int64_t k = 0; k < p->depth; k += vl)
        for (int64_t i = 0; i < vl; i++)
            p->lane[k + i] = (int32_t)((k + i) / m - k / m);
}

static void pack_pointwise(const csep_plan *p, const float *pw, float *to)
{
    const int64_t co = p->desc.out_channels, width = p->panel_vectors * p->kernels->vl;
    for (int64_t first = 0; first < co; first += width)
        p->kernels->pack_panel(pw + first, co, p->depth, min64(width, co - first),
                               to + first * p->depth);
}

/* Bytes of the parts of a plan, each rounded up to whole cache lines. */
typedef struct plan_bytes {
    int64_t dw, bias, lane, pw;
} plan_bytes;

static csep_status count_bytes(const csep_conv_desc *d, const csep_kernels *kernels, plan_bytes *n)
{
    const int64_t vl = kernels->vl, depth = d->in_channels * d->channel_multiplier;
    const int64_t dw[] = {round_up(depth, vl), d->kernel_h * d->kernel_w};
    const int64_t pw[] = {depth, round_up(d->out_channels, vl)};
    if (float_bytes(dw, 2) < 0 || float_bytes(pw, 2) < 0)
        return CSEP_BAD_SHAPE;
    *n = (plan_bytes){
        .dw = round_up(float_bytes(dw, 2), ALIGNMENT),
        .bias = round_up(float_bytes(pw + 1, 1), ALIGNMENT),
        .lane = d->channel_multiplier > 1 ? round_up(float_bytes(dw, 1), ALIGNMENT) : 0,
        .pw = round_up(float_bytes(pw, 2), ALIGNMENT),
    };
    return CSEP_OK;
}

/* Fills in everything but the pointwise weights; the packed parts go to memory, in order. */
static void prepare(csep_plan *p, const csep_conv_desc *d, const csep_kernels *kernels,
                    const plan_bytes *n, char *memory, const float *dw, const float *bias)
{
    *p = (csep_plan){
        .desc = *d,
        .kernels = kernels,
        .depthwise = choose_depthwise(kernels, d),
        .depth = d->in_channels * d->channel_multiplier,
        .panel_vectors = kernels->panel_vectors,
        .dw = (float *)memory,
        .bias = (float *)(memory + n->dw),
        .lane = (int32_t *)(memory + n->dw + n->bias),
    };
    pack_depthwise(p, dw);
    if (n->lane)
        pack_lanes(p);
    if (bias)
        kernels->pack_panel(bias, d->out_channels, 1, d->out_channels, p->bias);
    else
        memset(p->bias, 0, (size_t)n->bias);
}

/* Large blocks in huge pages, where the system has them: streaming 12 MB of weights ran 6 % faster
 * than through 4 KiB pages. */
static void *allocate(int64_t bytes)
{
    if (bytes < HUGE_PAGE)
        return aligned_alloc(ALIGNMENT, (size_t)bytes);
    void *block = aligned_alloc(HUGE_PAGE, (size_t)round_up(bytes, HUGE_PAGE));
#ifdef MADV_HUGEPAGE
    if (block)
        (void)madvise(block, (size_t)round_up(bytes, HUGE_PAGE), MADV_HUGEPAGE);
#endif
    return block;
}

/* What every plan begins with: checks, the instruction set, the sizes of the parts. */
static csep_status begin(const csep_conv_desc *d, const float *dw, const float *pw, plan_bytes *n)
{
    if (!d || !dw || !pw)
        return CSEP_BAD_ARGUMENT;
    csep_status status = check_desc(d);
    if (status == CSEP_OK)
        status = csep_init();
    return status == CSEP_OK ? count_bytes(d, csep_active_kernels(), n) : status;
}

csep_status csep_plan_create(csep_plan **plan, const csep_conv_desc *d, const float *dw,
                             const float *pw, const float *bias)
{
    if (!plan)
        return CSEP_BAD_ARGUMENT;
    *plan = NULL;
    plan_bytes n;
    const csep_status status = begin(d, dw, pw, &n);
    if (status != CSEP_OK)
        return status;

    const int64_t head = round_up((int64_t)sizeof(csep_plan), ALIGNMENT);
    const int64_t before_pw = head + n.dw + n.bias + n.lane;
    char *block = allocate(before_pw + n.pw);
    if (!block)
        return CSEP_NO_MEMORY;
    csep_plan *p = (csep_plan *)block;
    prepare(p, d, csep_active_kernels(), &n, block + head, dw, bias);
    p->bytes = before_pw + n.pw;
    p->pw_form = CSEP_PW_PACKED;
    p->pw = (float *)(block + before_pw);
    pack_pointwise(p, pw, (float *)(block + before_pw));
    *plan = p;
    return CSEP_OK;
}

csep_status csep_make_passing_plan(csep_plan *p, const csep_conv_desc *d, const float *dw,
                                   const float *pw, const float *bias)
{
    plan_bytes n;
    const csep_status status = begin(d, dw, pw, &n);
    if (status != CSEP_OK)
        return status;

    const csep_kernels *kernels = csep_active_kernels();
    csep_pw_form form = CSEP_PW_PACKED;
    if (d->out_channels % kernels->vl == 0 && n.pw <= IN_PLACE_BYTES)
        form = CSEP_PW_IN_PLACE;
    else if (n.pw > csep_l2_bytes() / L2_PART_FOR_WEIGHTS)
        form = CSEP_PW_ON_THE_WAY;
    const int64_t before_pw = n.dw + n.bias + n.lane;
    const int64_t bytes = before_pw + (form == CSEP_PW_PACKED ? n.pw : 0);
    char *memory = bytes <= CSEP_MAX_SCRATCH_BYTES ? csep_scratch(CSEP_FOR_WEIGHTS, bytes) : NULL;
    if (!memory)
        return CSEP_NO_MEMORY;
    prepare(p, d, kernels, &n, memory, dw, bias);
    p->pw_form = form;
    p->pw = pw;
    if (form == CSEP_PW_PACKED) {
        p->pw = (float *)(memory + before_pw);
        pack_pointwise(p, pw, (float *)(memory + before_pw));
    }
    return CSEP_OK;
}

void csep_plan_destroy(csep_plan *plan) { free(plan); }

int64_t csep_plan_bytes(const csep_plan *plan) { return plan ? plan->bytes : 0; }

/* How many ranges the panels are cut into: each range repeats the depthwise stage, but lets
 * threads share few rows evenly.  The slowest thread's multiply-adds decide. */
static int64_t choose_splits(const csep_plan *p, const csep_schedule *s)
{
    const double taps = (double)(p->desc.kernel_h * p->desc.kernel_w) * DEPTHWISE_COST;
    const double columns = (double)p->desc.out_channels;
    double best = 0;
    int64_t choice = 1;
    for (int64_t splits = 1; splits <= min64(s->threads, s->panels); splits++) {
        const int64_t sharers = ceil_div(s->threads, splits);
        const double rows = (double)ceil_div(s->rows, sharers);
        const double share = columns * (double)ceil_div(s->panels, splits) / (double)s->panels;
        const double cost = rows * (taps + share);
        if (splits == 1 || cost < 0.98 * best) {
            best = cost;
            choice = splits;
        }
    }
    return choice;
}

/* Tile size from the room for its depthwise result, then dealt evenly. */
static void choose_tiles(const csep_plan *p, csep_schedule *s)
{
    const int64_t vl = p->kernels->vl;
    const int64_t mr = p->kernels->max_rows[p->panel_vectors];
    const int64_t pixel_floats = CSEP_MAX_SCRATCH_BYTES / ((mr + 1) * (int64_t)sizeof(float));
    s->depth_chunk = min64(round_up(p->depth, vl), pixel_floats / vl * vl);

    const int64_t row_bytes = p->panel_vectors * vl * (int64_t)sizeof(float);
    const int64_t packed_bytes = p->pw_form == CSEP_PW_ON_THE_WAY ? PACKED_ON_THE_WAY_BYTES : 0;
    s->rows_packed = packed_bytes / row_bytes;
    const int64_t large = min64(csep_l2_bytes() / 8 * L2_EIGHTHS_FOR_LARGE_TILE,
                                CSEP_MAX_SCRATCH_BYTES - packed_bytes);
    const int64_t tile_bytes = s->panels_outer ? large : TILE_BYTES;
    const int64_t pixel_bytes = s->depth_chunk * (int64_t)sizeof(float);
    const int64_t pixels = max64(tile_bytes / pixel_bytes - 1, mr);
    if (pixels < s->out_w) {
        s->row_tiles = s->rows;
        s->column_tiles = ceil_div(s->out_w, pixels);
    } else {
        const int64_t sharers = ceil_div(s->threads, s->splits);
        const int64_t tiles = ceil_div(s->rows, pixels / s->out_w);
        s->row_tiles = min64(s->rows, round_up(tiles, sharers));
        s->column_tiles = 1;
    }
    const int64_t tile_pixels =
        ceil_div(s->rows, s->row_tiles) * ceil_div(s->out_w, s->column_tiles);
    /* An odd number of vectors between channel blocks spreads them over the cache's sets. */
    s->a_step = (tile_pixels | 1) * vl;
    s->tile_bytes = s->a_step * (s->depth_chunk / vl) * (int64_t)sizeof(float);
    s->tile_bytes = round_up(s->tile_bytes, ALIGNMENT);
    s->scratch_bytes = s->tile_bytes + packed_bytes;
}

csep_status csep_make_schedule(const csep_plan *p, const csep_shape *shape, int num_threads,
                               csep_schedule *s)
{
    if (!p || !shape || num_threads < 1)
        return CSEP_BAD_ARGUMENT;
    const csep_status status = csep_output_size(&p->desc, shape, &s->out_h, &s->out_w);
    if (status != CSEP_OK)
        return status;
    const int64_t panel = p->panel_vectors * p->kernels->vl;
    s->rows = shape->batch * s->out_h;
    s->panels = ceil_div(p->desc.out_channels, panel);

    const double macs = (double)s->rows * (double)s->out_w * (double)p->depth *
                        (double)(p->desc.out_channels + p->desc.kernel_h * p->desc.kernel_w);
    const double useful = csep_has_openmp() ? 1.0 + macs / THREAD_WORK : 1.0;
    s->threads = (int)min64(num_threads, CSEP_MAX_THREADS);
    if (s->threads > useful)
        s->threads = (int)useful;

    const int64_t l2 = csep_l2_bytes();
    const int64_t weights = p->depth * p->desc.out_channels * (int64_t)sizeof(float);
    s->panels_outer = weights > l2 / L2_PART_FOR_WEIGHTS;
    s->splits = choose_splits(p, s);
    if (s->rows > 0)
        choose_tiles(p, s);
    return CSEP_OK;
}

int64_t csep_scratch_bytes(const csep_plan *plan, const csep_shape *shape, int num_threads)
{
    csep_schedule s;
    if (csep_make_schedule(plan, shape, num_threads, &s) != CSEP_OK || s.rows == 0)
        return 0;
    return s.scratch_bytes;
}
