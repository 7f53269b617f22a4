#define _DEFAULT_SOURCE /* madvise */
#include "plan/plan.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "kernels/dispatch.h"
#include "plan/arith.h"
#include "plan/pack.h"
#include "plan/schedule_cache.h"
#include "plan/sizes.h"
#include "system/caches.h"
#include "system/scratch.h"

enum { ALIGNMENT = 64, HUGE_PAGE = 2 << 20 };

static csep_stage_fn choose_first_stage(const csep_kernels *kernels, const csep_conv_desc *d)
{
    if (d->kind == CSEP_CONV)
        return kernels->im2col;
    if (csep_is_flat(d, kernels->vl))
        return kernels->depthwise_flat;
    const csep_depthwise_entry *e = kernels->depthwise;
    while (e->taps && !(e->taps == d->kernel_w && e->stride == d->stride_w && d->dilation_w == 1))
        e++;
    return e->run;
}

/* The next part of memory; NULL for no bytes. */
static void *take(char **memory, int64_t bytes)
{
    void *part = bytes ? *memory : NULL;
    *memory += bytes;
    return part;
}

/* Everything but the product's weights; the packed parts go to memory, in order. */
static void fill_plan(csep_plan *p, const csep_conv_desc *d, const csep_part_bytes *n, char *memory,
                      const csep_weights *weights)
{
    const csep_kernels *kernels = csep_active_kernels(d->dtype);
    *p = (csep_plan){
        .desc = *d,
        .kernels = kernels,
        .first_stage = choose_first_stage(kernels, d),
        .depth = csep_depth(d),
        .groups = csep_groups(d),
        .group_columns = d->out_channels / csep_groups(d),
        .panel_vectors = kernels->panel_vectors,
        .dw_blocks = n->dw_blocks,
    };
    p->dw = take(&memory, n->dw);
    p->dw_bias = take(&memory, n->dw_bias);
    p->dw_slopes = take(&memory, n->dw_slopes);
    p->bias = take(&memory, n->bias);
    p->slopes = take(&memory, n->slopes);
    p->lane = take(&memory, n->lane);
    csep_pack_small_parts(p, weights, n);
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

/* The plan, its packed parts and its schedules lie in one block. */
static csep_plan *build(const csep_conv_desc *d, const csep_weights *weights, int with_product,
                        int64_t cache_bytes)
{
    csep_part_bytes n;
    csep_count_part_bytes(d, csep_active_kernels(d->dtype), &n);
    if (!with_product)
        n.product = 0;
    const int64_t parts_at = round_up((int64_t)sizeof(csep_plan), ALIGNMENT);
    const int64_t product_at = parts_at + n.small;
    const int64_t cache_at = product_at + n.product;
    const int64_t bytes = cache_at + round_up(cache_bytes, ALIGNMENT);
    char *block = allocate(bytes);
    if (!block)
        return NULL;
    csep_plan *p = (csep_plan *)block;
    fill_plan(p, d, &n, block + parts_at, weights);
    p->bytes = bytes;
    if (cache_bytes)
        p->schedules = csep_init_schedule_cache(block + cache_at);
    if (n.product) {
        p->form = CSEP_PACKED;
        p->product = block + product_at;
        csep_pack_product(p, csep_matrix_of(d, weights), block + product_at);
    }
    return p;
}

csep_plan *csep_build_plan(const csep_conv_desc *d, const csep_weights *weights)
{
    return build(d, weights, 1, csep_schedule_cache_bytes());
}

csep_plan *csep_build_part(const csep_conv_desc *d, const csep_weights *weights, int with_product)
{
    return build(d, weights, with_product, 0);
}

void csep_free_plan(csep_plan *plan) { free(plan); }

/* One panel of whole vectors is packed as it lies. */
static int is_one_panel(const csep_conv_desc *d, const csep_kernels *kernels)
{
    const int64_t columns = d->out_channels, vl = kernels->vl;
    return csep_groups(d) == 1 && columns % vl == 0 && columns <= kernels->panel_vectors * vl;
}

/* A matrix of up to half of L1 stays there after its first use, packed or not.  (At all of L1, rows
 * that are a power of two apart push each other out: 147x147x64 to 128 took 1.6 times as long.) */
static csep_product_form choose_temporary_form(const csep_conv_desc *d, const csep_kernels *kernels,
                                               int64_t product_bytes)
{
    const csep_caches caches = csep_cache_sizes();
    if (d->kind == CSEP_DEPTHWISE)
        return CSEP_NO_PRODUCT;
    if (csep_groups(d) > 1 || is_one_panel(d, kernels))
        return CSEP_PACKED;
    if (d->out_channels % kernels->vl == 0 && product_bytes <= caches.l1 / 2)
        return CSEP_UNPACKED;
    return product_bytes > caches.l2 / CSEP_L2_PART_FOR_WEIGHTS ? CSEP_PACKED_IN_PRODUCT
                                                                : CSEP_PACKED;
}

int csep_build_temporary_plan(csep_plan *p, const csep_conv_desc *d, const csep_weights *weights)
{
    csep_part_bytes n;
    const csep_kernels *kernels = csep_active_kernels(d->dtype);
    csep_count_part_bytes(d, kernels, &n);
    const csep_product_form form = choose_temporary_form(d, kernels, n.product);
    const int pack = form == CSEP_PACKED && !is_one_panel(d, kernels);
    const int64_t bytes = n.small + (pack ? n.product : 0);
    char *memory =
        bytes <= CSEP_MAX_SCRATCH_BYTES ? csep_scratch(CSEP_SCRATCH_WEIGHTS, bytes) : NULL;
    if (!memory)
        return 0;
    fill_plan(p, d, &n, memory, weights);
    p->form = form;
    p->product = csep_matrix_of(d, weights);
    if (pack) {
        csep_pack_product(p, p->product, memory + n.small);
        p->product = memory + n.small;
    }
    return 1;
}
