/* Chooses kernels, packs weights. */
#define _DEFAULT_SOURCE /* madvise */
#include "plan.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "arith.h"
#include "scratch.h"

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

/* A matrix this small is in L1 after its first use, packed or not. */
#define IN_PLACE_BYTES (INT64_C(32) << 10)

static csep_stage_fn choose_stage(const csep_kernels *kernels, const csep_conv_desc *d)
{
    if (d->kind == CSEP_CONV)
        return kernels->gather;
    const csep_depthwise_entry *e = kernels->depthwise;
    while (e->taps && !(e->taps == d->kernel_w && e->stride == d->stride_w && d->dilation_w == 1))
        e++;
    return e->run;
}

/* Output channel k uses column k % columns of dw: all of them, or M of a shared kernel. */
static void pack_depthwise(const csep_plan *p, const void *dw)
{
    const csep_kernels *kernels = p->kernels;
    const int64_t vl = kernels->vl, taps = p->desc.kernel_h * p->desc.kernel_w;
    const int size = kernels->size;
    const int64_t columns = p->desc.shared_kernel ? p->desc.channel_multiplier : p->depth;
    for (int64_t block = 0; block < p->dw_blocks; block++) {
        void *to = at_mut(p->dw, block * taps * vl, size);
        const int64_t k = block * vl;
        if (!p->desc.shared_kernel) {
            kernels->pack_panel(at(dw, k, size), columns, taps, min64(vl, columns - k), to);
            continue;
        }
        for (int64_t tap = 0; tap < taps; tap++)
            for (int64_t i = 0; i < vl; i++)
                memcpy(at_mut(to, tap * vl + i, size),
                       at(dw, tap * columns + (k + i) % columns, size), (size_t)size);
    }
}

static void pack_lanes(const csep_plan *p)
{
    const int64_t vl = p->kernels->vl, m = p->desc.channel_multiplier;
    for (int64_t k = 0; k < p->depth; k += vl)
        for (int64_t i = 0; i < vl; i++)
            p->lane[k + i] = (int32_t)((k + i) / m - k / m);
}

static void pack_pointwise(const csep_plan *p, const void *pw, void *to)
{
    const int size = p->kernels->size;
    const int64_t co = p->desc.out_channels, width = p->panel_vectors * p->kernels->vl;
    for (int64_t first = 0; first < co; first += width)
        p->kernels->pack_panel(at(pw, first, size), co, p->depth, min64(width, co - first),
                               at_mut(to, first * p->depth, size));
}

static void pack_bias(const csep_plan *p, const void *bias, int64_t count, void *to, int64_t bytes)
{
    if (bias)
        p->kernels->pack_panel(bias, count, 1, count, to);
    else
        memset(to, 0, (size_t)bytes);
}

/* Bytes of the parts of a plan, each rounded up to whole cache lines. */
typedef struct plan_bytes {
    int64_t dw_blocks;
    int64_t dw, dw_bias, bias, lane, pw;
} plan_bytes;

static int64_t greatest_common_divisor(int64_t a, int64_t b)
{
    while (b) {
        const int64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static void count_bytes(const csep_conv_desc *d, const csep_kernels *kernels, plan_bytes *n)
{
    const int64_t vl = kernels->vl, size = kernels->size, depth = csep_depth(d);
    const int64_t padded = round_up(depth, vl), taps = d->kernel_h * d->kernel_w;
    const int has_taps = d->kind != CSEP_CONV, has_product = d->kind != CSEP_DEPTHWISE;
    *n = (plan_bytes){.dw_blocks = padded / vl};
    if (d->shared_kernel)
        n->dw_blocks = min64(n->dw_blocks, d->channel_multiplier /
                                               greatest_common_divisor(d->channel_multiplier, vl));
    if (has_taps) {
        n->dw = round_up(n->dw_blocks * vl * taps * size, ALIGNMENT);
        n->dw_bias = round_up(padded * size, ALIGNMENT);
        if (d->channel_multiplier > 1)
            n->lane = round_up(padded * (int64_t)sizeof(int32_t), ALIGNMENT);
    }
    if (has_product) {
        n->bias = round_up(round_up(d->out_channels, vl) * size, ALIGNMENT);
        n->pw = round_up(depth * round_up(d->out_channels, vl) * size, ALIGNMENT);
    }
}

/* Fills in everything but the pointwise weights; the packed parts go to memory, in order. */
static void prepare(csep_plan *p, const csep_conv_desc *d, const csep_kernels *kernels,
                    const plan_bytes *n, char *memory, const csep_weights *weights)
{
    *p = (csep_plan){
        .desc = *d,
        .kernels = kernels,
        .stage = choose_stage(kernels, d),
        .depth = csep_depth(d),
        .panel_vectors = kernels->panel_vectors,
        .dw_blocks = n->dw_blocks,
        .dw = memory,
        .dw_bias = memory + n->dw,
        .bias = memory + n->dw + n->dw_bias,
        .lane = (int32_t *)(memory + n->dw + n->dw_bias + n->bias),
    };
    if (n->dw) {
        const int alone = d->kind == CSEP_DEPTHWISE;
        pack_depthwise(p, weights->dw);
        pack_bias(p, alone ? weights->bias : weights->dw_bias, p->depth, p->dw_bias, n->dw_bias);
    }
    if (n->lane)
        pack_lanes(p);
    if (n->pw)
        pack_bias(p, weights->bias, d->out_channels, p->bias, n->bias);
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
static csep_status begin(const csep_conv_desc *d, const csep_weights *weights, plan_bytes *n)
{
    if (!d || !weights)
        return CSEP_BAD_ARGUMENT;
    csep_status status = csep_check_desc(d);
    if (status == CSEP_OK)
        status = csep_init();
    if (status != CSEP_OK)
        return status;
    if ((d->kind != CSEP_CONV && !weights->dw) || (d->kind != CSEP_DEPTHWISE && !weights->pw))
        return CSEP_BAD_ARGUMENT;
    count_bytes(d, csep_active_kernels(d->dtype), n);
    return CSEP_OK;
}

csep_status csep_plan_create(csep_plan **plan, const csep_conv_desc *d, const csep_weights *weights)
{
    if (!plan)
        return CSEP_BAD_ARGUMENT;
    *plan = NULL;
    plan_bytes n;
    const csep_status status = begin(d, weights, &n);
    if (status != CSEP_OK)
        return status;

    const int64_t head = round_up((int64_t)sizeof(csep_plan), ALIGNMENT);
    const int64_t before_pw = head + n.dw + n.dw_bias + n.bias + n.lane;
    char *block = allocate(before_pw + n.pw);
    if (!block)
        return CSEP_NO_MEMORY;
    csep_plan *p = (csep_plan *)block;
    prepare(p, d, csep_active_kernels(d->dtype), &n, block + head, weights);
    p->bytes = before_pw + n.pw;
    if (n.pw) {
        p->pw_form = CSEP_PW_PACKED;
        p->pw = block + before_pw;
        pack_pointwise(p, weights->pw, block + before_pw);
    }
    *plan = p;
    return CSEP_OK;
}

static csep_pw_form choose_passing_form(const csep_conv_desc *d, const csep_kernels *kernels,
                                        int64_t pw_bytes)
{
    if (d->kind == CSEP_DEPTHWISE)
        return CSEP_PW_NONE;
    if (d->out_channels % kernels->vl == 0 && pw_bytes <= IN_PLACE_BYTES)
        return CSEP_PW_IN_PLACE;
    return pw_bytes > csep_l2_bytes() / CSEP_L2_PART_FOR_WEIGHTS ? CSEP_PW_ON_THE_WAY
                                                                 : CSEP_PW_PACKED;
}

csep_status csep_make_passing_plan(csep_plan *p, const csep_conv_desc *d,
                                   const csep_weights *weights)
{
    plan_bytes n;
    const csep_status status = begin(d, weights, &n);
    if (status != CSEP_OK)
        return status;

    const csep_kernels *kernels = csep_active_kernels(d->dtype);
    const csep_pw_form form = choose_passing_form(d, kernels, n.pw);
    const int64_t before_pw = n.dw + n.dw_bias + n.bias + n.lane;
    const int64_t bytes = before_pw + (form == CSEP_PW_PACKED ? n.pw : 0);
    char *memory = bytes <= CSEP_MAX_SCRATCH_BYTES ? csep_scratch(CSEP_FOR_WEIGHTS, bytes) : NULL;
    if (!memory)
        return CSEP_NO_MEMORY;
    prepare(p, d, kernels, &n, memory, weights);
    p->pw_form = form;
    p->pw = weights->pw;
    if (form == CSEP_PW_PACKED) {
        p->pw = memory + before_pw;
        pack_pointwise(p, weights->pw, memory + before_pw);
    }
    return CSEP_OK;
}

void csep_plan_destroy(csep_plan *plan) { free(plan); }

int64_t csep_plan_bytes(const csep_plan *plan) { return plan ? plan->bytes : 0; }
