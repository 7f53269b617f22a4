/* How one call is cut up, for its threads and the caches. */
#ifndef CSEP_PLAN_SCHEDULE_H
#define CSEP_PLAN_SCHEDULE_H

#include "plan/plan.h"

/* Where the product finds A, the inputs of its pixels. */
typedef enum csep_operand {
    CSEP_STAGE,      /* in scratch, where the first stage writes it */
    CSEP_PIXELS,     /* pointwise: the pixels of x, or what is staged of it, as they lie */
    CSEP_WINDOW,     /* other ordinary convolutions: the pixels of x under a tile */
    CSEP_WINDOW_COPY /* a copy of them in scratch, with zeros for the padding */
} csep_operand;

/* A tile is some whole output rows, or a part of one row; it is computed for one of `splits` ranges
 * of panels and for one chunk of K after the other.
 *
 * Staged: the input of a tile is converted into scratch as NHWC reals, with a border where padding
 * holds pixels of the image, for `group` channels of the
 * first stage at a time, and the result is converted out of scratch. */
typedef struct csep_schedule {
    int64_t rows;         /* batch * out_h; 0: there is nothing to do, and nothing below is set */
    int64_t row_tiles;    /* the rows are dealt evenly to this many tiles */
    int64_t column_tiles; /* parts of a row; more than 1 only where a tile is within one row */
    int64_t splits;       /* ranges of a group's panels */
    int64_t panels;       /* of a group */
    int64_t groups;
    int64_t
        depth_chunk; /* KC: channels of K in scratch at a time: all, or whole chunks of the sum */
    int64_t a_step;  /* elements between channel blocks in scratch */
    int64_t rows_packed; /* CSEP_PACKED_IN_PRODUCT: rows of panels that are packed at a time:
                          * whole chunks of the sum */
    int64_t group;       /* channels of the first stage that are computed in one go */
    /* One thread's scratch: the first stage's result, then, each where there is such a thing, rows
     * of a panel, staged input, staged output and residual. */
    int64_t packed_at, input_at, output_at, residual_at, scratch_bytes;
    int staged;
    int input_converted; /* staged, but x is to be converted as a whole beforehand */
    csep_operand a_from;
    int one_image; /* a tile whose rows are of two images is computed in two parts */
    int panels_outer;
    int claim_c;      /* y is larger than L2: its lines are asked for before they are stored to */
    int prefetch_x;   /* the next tile's input is; without a product, where x is larger than L2 */
    double work;      /* multiply-adds, as many pointwise ones as take the same time */
    int threads;      /* where helpers are awake */
    int worth_waking; /* where they are to be woken; at most as many */
} csep_schedule;

/* For a geometry that was resolved with the plan's descriptor and num_threads >= 1. */
void csep_make_schedule(const csep_plan *plan, const csep_geometry *geometry, int num_threads,
                        csep_schedule *schedule);

/* How many threads so much work is worth waking for. */
int csep_threads_worth_waking(double work, int num_threads);

/* What the threads of a call share out: each a tile for a range of panels. */
static inline int64_t csep_jobs(const csep_schedule *s)
{
    return s->row_tiles * s->column_tiles * s->splits * s->groups;
}

#endif
