/* A plan: what is fixed before a call.  Made in plan.c and pack.c, read by schedule.c and run/. */
#ifndef CSEP_PLAN_PLAN_H
#define CSEP_PLAN_PLAN_H

#include "csep.h"
#include "kernels/contract.h"

/* Where the weights of the product are when tiles are multiplied. */
typedef enum csep_product_form {
    CSEP_NO_PRODUCT,
    CSEP_PACKED,            /* panels of [K][vectors * vl], zero-padded columns, group by group */
    CSEP_UNPACKED,          /* the caller's matrix, read as it lies: small, and of whole vectors */
    CSEP_PACKED_IN_PRODUCT, /* the caller's matrix: each job packs some rows when it needs them */
} csep_product_form;

typedef struct csep_schedule_cache csep_schedule_cache;

struct csep_plan {
    csep_conv_desc desc; /* checked */
    const csep_kernels *kernels;
    csep_stage_fn first_stage; /* depthwise or im2col */
    csep_product_form form;
    int64_t depth;  /* K, channels of the first stage: C * M, or kernel_h * kernel_w * C */
    int64_t groups; /* of an ordinary convolution, each with a K and panels of its own; else 1 */
    int64_t group_columns; /* outputs of a group, CO / groups */
    int64_t panel_vectors; /* vectors of a panel; a group's last may be narrower */
    int64_t bytes;         /* of the block that holds this struct and all packed weights */
    int64_t dw_blocks;     /* blocks of dw: K / vl rounded up, or fewer where they repeat */
    void *dw;              /* [dw_blocks][kernel_h][kernel_w][vl], zero-padded */
    void *dw_bias;         /* where the first stage's sums begin, padded to whole vectors */
    void *dw_slopes;       /* CSEP_PRELU behind the first stage: padded likewise */
    const void *product;   /* pointwise or ordinary weights, as form says */
    void *bias;            /* padded to whole vectors; zeros where there is none */
    void *slopes;          /* CSEP_PRELU behind the product: padded likewise */
    int32_t *lane;         /* M > 1: [K / vl][vl], input channel of each lane less the first */
    csep_schedule_cache *schedules; /* of the last shapes; NULL for a plan of one call */
};

/* The bytes of a plan's parts, each rounded up to whole cache lines. */
typedef struct csep_part_bytes {
    int64_t dw_blocks;
    int64_t dw, dw_bias, dw_slopes, bias, slopes, lane;
    int64_t small; /* all of these */
    int64_t product;
} csep_part_bytes;

/* Weights above this part of L2 do not stay there from one tile to the next. */
enum { CSEP_L2_PART_FOR_WEIGHTS = 4 };

/* A plan in memory of its own, for a checked descriptor and weights that are all there; NULL if
 * there is no memory. */
csep_plan *csep_build_plan(const csep_conv_desc *desc, const csep_weights *weights);

/* The same as a part of something larger that makes schedules itself: none are kept.  Without a
 * product only the first stage is packed. */
csep_plan *csep_build_part(const csep_conv_desc *desc, const csep_weights *weights,
                           int with_product);

void csep_free_plan(csep_plan *plan);

/* A plan for one call, in the calling thread's scratch memory: packs no more than it must.  Returns
 * 0 where there is not memory enough, also where the weights are too many for scratch. */
int csep_build_temporary_plan(csep_plan *plan, const csep_conv_desc *desc,
                              const csep_weights *weights);

#endif
