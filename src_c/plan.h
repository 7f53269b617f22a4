/* A plan and the schedule of one call: made in plan.c and schedule.c, read in tile.c. */
#ifndef CSEP_PLAN_H
#define CSEP_PLAN_H

#include "csep.h"
#include "kernels.h"

/* Where the pointwise weights are when tiles are multiplied. */
typedef enum csep_pw_form {
    CSEP_PW_NONE,      /* there is no product */
    CSEP_PW_PACKED,    /* panels of [K][vectors * vl], zero-padded columns */
    CSEP_PW_IN_PLACE,  /* the caller's matrix, read as it lies: small, and of whole vectors */
    CSEP_PW_ON_THE_WAY /* the caller's matrix: each job packs a panel when it comes to it */
} csep_pw_form;

struct csep_plan {
    csep_conv_desc desc;
    const csep_kernels *kernels;
    csep_stage_fn stage; /* the first stage: depthwise or gather */
    csep_pw_form pw_form;
    int64_t depth;         /* K, channels of the first stage: C * M, or kernel_h * kernel_w * C */
    int64_t panel_vectors; /* vectors of a pointwise panel; the last may be narrower */
    int64_t bytes;         /* of the block that holds this struct and all packed weights */
    int64_t dw_blocks;     /* blocks of dw: K / vl rounded up, or fewer where they repeat */
    void *dw;              /* [dw_blocks][kernel_h][kernel_w][vl], zero-padded */
    void *dw_bias;         /* where the first stage's sums begin, padded to whole vectors */
    const void *pw;        /* what pw_form says */
    void *bias;            /* padded to whole vectors; zeros where there is none */
    int32_t *lane;         /* M > 1: [K / vl][vl], input channel of each lane less the first */
};

/* How one call is cut up.  A tile is some whole output rows, or a part of one row; it is
 * computed for one of `splits` ranges of panels and for one chunk of K after the other.
 *
 * Staged: x is brought into scratch as NHWC reals, for `group` channels of the first stage at a
 * time, and the result is taken out of scratch. */
typedef struct csep_schedule {
    int64_t out_h, out_w;
    int64_t rows;         /* batch * out_h */
    int64_t row_tiles;    /* the rows are dealt evenly to this many tiles */
    int64_t column_tiles; /* parts of a row; more than 1 only where a tile is within one row */
    int64_t splits;       /* ranges of panels */
    int64_t panels;
    int64_t depth_chunk; /* channels of K in scratch at a time, a multiple of vl */
    int64_t a_step;      /* elements between channel blocks in scratch */
    int64_t rows_packed; /* CSEP_PW_ON_THE_WAY: rows of a panel that are packed at a time */
    int64_t group;       /* channels of the first stage that are computed in one go */
    /* One thread's scratch: the first stage's result, then, each where there is such a thing, rows
     * of a panel, staged input, staged output and residual. */
    int64_t packed_at, input_at, output_at, residual_at, scratch_bytes;
    int staged;
    int input_ready; /* staged, but x is to be converted as a whole: csep_convert_input */
    int panels_outer;
    int threads;
} csep_schedule;

csep_status csep_make_schedule(const csep_plan *plan, const csep_shape *shape, int num_threads,
                               csep_schedule *schedule);

/* What the threads of a call share out: each a tile for a range of panels. */
static inline int64_t csep_jobs(const csep_schedule *s)
{
    return s->row_tiles * s->column_tiles * s->splits;
}

/* A plan in the calling thread's scratch memory, for one call: packs no more than it must.
 * CSEP_NO_MEMORY also where the weights are too many for that. */
csep_status csep_make_passing_plan(csep_plan *plan, const csep_conv_desc *desc,
                                   const csep_weights *weights);

/* Weights above this part of L2 do not stay there from one tile to the next. */
enum { CSEP_L2_PART_FOR_WEIGHTS = 4 };

/* Channels of the first stage. */
static inline int64_t csep_depth(const csep_conv_desc *d)
{
    return d->kind == CSEP_CONV ? d->kernel_h * d->kernel_w * d->in_channels
                                : d->in_channels * d->channel_multiplier;
}

csep_status csep_check_desc(const csep_conv_desc *desc);

/* csep_output_size for a descriptor that has been checked. */
csep_status csep_resolve(const csep_conv_desc *desc, const csep_shape *shape, int64_t *out_h,
                         int64_t *out_w);

/* Called by csep_init, once: what csep_thread_limit goes by. */
void csep_note_threads(void);

/* All of x as NHWC reals. */
void csep_convert_input(const csep_plan *plan, const csep_shape *shape, const void *x, void *to);

/* One job of a schedule, of splits * row_tiles * column_tiles, in one thread's scratch memory. */

void csep_run_job(const csep_plan *plan, const csep_shape *shape, const csep_schedule *schedule,
                  const void *x, const void *residual, void *y, int64_t job, void *scratch);

#endif
