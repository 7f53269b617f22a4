/* The backward pass of a convolution as tasks.
 *
 * An image is cut into strips of rows, by its sizes alone.  A strip computes again what the forward
 * pass had between its stages, the gradient of the first stage's result for its output rows, and
 * for those beside them that its rows of x were seen by: then its part of the weights' gradients
 * and its rows of x's.  Strips are dealt to parts, each with sums of its own, which are added up in
 * order: the same bits for any number of threads. */
#ifndef CSEP_RUN_BACKWARD_H
#define CSEP_RUN_BACKWARD_H

#include "plan/gradient_plan.h"
#include "run/threads.h"

/* The gradients that are summed over pixels, in the order of csep_backward_pass.sum. */
enum { CSEP_SUM_DW, CSEP_SUM_DW_BIAS, CSEP_SUM_MATRIX, CSEP_SUM_BIAS, CSEP_GRADIENT_SUMS };
enum { CSEP_BACKWARD_TASKS = 3 };

/* One of them: of how many numbers, where it goes (NULL: not wanted), and
 * where it lies in a part's sums. */
typedef struct csep_gradient_sum {
    int64_t count, at;
    void *to;
} csep_gradient_sum;

typedef struct csep_backward_pass {
    const csep_gradient_plan *plan;
    const csep_geometry *geometry; /* NHWC in the weights' dtype, zeros as padding */
    const void *x, *residual, *dy;
    csep_gradients gradients;
    /* From here on made by csep_prepare_backward. */
    csep_geometry turned; /* of plan->turned, where that can be used */
    int use_turned, needs_stage;
    int64_t strips_of_image, strips, parts;
    csep_gradient_sum sum[CSEP_GRADIENT_SUMS];
    int64_t part_elements;
    char *sums; /* of part 0, then 1, ... */
    int64_t sums_bytes;
    /* Of a thread's scratch: ds, du, the first stage's result, that with pixels and channels
     * exchanged, ds as panels or a row of sums, terms, and what a convolution of rows wants. */
    int64_t ds_at, du_at, between_at, rows_at, columns_at, terms_at, tile_at, scratch_step;
    char *scratch; /* of thread 0, then 1, ... */
} csep_backward_pass;

/* Fills in what follows from what was given; sums and scratch are then the caller's to provide. */
void csep_prepare_backward(csep_backward_pass *backward);

/* Fills in CSEP_BACKWARD_TASKS tasks at most; returns how many. */
int csep_backward_tasks(csep_backward_pass *backward, csep_task *tasks);

#endif
