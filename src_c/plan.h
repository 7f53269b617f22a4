/* A plan and the schedule of one call: made in plan.c, read in execute.c. */
#ifndef CSEP_PLAN_H
#define CSEP_PLAN_H

#include "csep.h"
#include "kernels.h"

/* Where the pointwise weights are when tiles are multiplied. */
typedef enum csep_pw_form {
    CSEP_PW_PACKED,    /* panels of [K][vectors * vl], zero-padded columns */
    CSEP_PW_IN_PLACE,  /* the caller's matrix, read as it lies: small, and of whole vectors */
    CSEP_PW_ON_THE_WAY /* the caller's matrix: each job packs a panel when it comes to it */
} csep_pw_form;

struct csep_plan {
    csep_conv_desc desc;
    const csep_kernels *kernels;
    csep_depthwise_fn depthwise;
    csep_pw_form pw_form;
    int64_t depth;         /* K = in_channels * channel_multiplier */
    int64_t panel_vectors; /* vectors of a pointwise panel; the last may be narrower */
    int64_t bytes;         /* of the block that holds this struct and all packed weights */
    float *dw;             /* [K / vl][kernel_h][kernel_w][vl], zero-padded */
    const float *pw;       /* what pw_form says */
    float *bias;           /* zero-padded to whole vectors; zeros where there is none */
    int32_t *lane;         /* M > 1: [K / vl][vl], input channel of each lane less the first */
};

/* How one call is cut up.  A tile is some whole output rows, or a part of one row; it is
 * computed for one of `splits` ranges of panels and for one chunk of K after the other. */
typedef struct csep_schedule {
    int64_t out_h, out_w;
    int64_t rows;         /* batch * out_h */
    int64_t row_tiles;    /* the rows are dealt evenly to this many tiles */
    int64_t column_tiles; /* parts of a row; more than 1 only where a tile is within one row */
    int64_t splits;       /* ranges of panels */
    int64_t panels;
    int64_t depth_chunk;   /* channels of K in scratch at a time, a multiple of vl */
    int64_t a_step;        /* floats between channel blocks in scratch */
    int64_t tile_bytes;    /* of one thread's scratch, for the depthwise result */
    int64_t rows_packed;   /* CSEP_PW_ON_THE_WAY: rows of a panel, after the tile in scratch */
    int64_t scratch_bytes; /* of one thread */
    int panels_outer;
    int threads;
} csep_schedule;

csep_status csep_make_schedule(const csep_plan *plan, const csep_shape *shape, int num_threads,
                               csep_schedule *schedule);

/* A plan in the calling thread's scratch memory, for one call: packs no more than it must.
 * CSEP_NO_MEMORY also where the weights are too many for that. */
csep_status csep_make_passing_plan(csep_plan *plan, const csep_conv_desc *desc, const float *dw,
                                   const float *pw, const float *bias);

#endif
