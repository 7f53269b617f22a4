/* What the files of a backward pass know of it. */
#ifndef CSEP_RUN_BACKWARD_PASS_H
#define CSEP_RUN_BACKWARD_PASS_H

#include "plan/gradient_plan.h"
#include "run/call.h"

/* The gradients that are summed over pixels, in the order of csep_backward_pass.sum. */
enum { CSEP_SUM_DW, CSEP_SUM_DW_BIAS, CSEP_SUM_MATRIX, CSEP_SUM_BIAS, CSEP_GRADIENT_SUMS };

/* One of them: of how many numbers, where it goes (NULL: not wanted); its parts, where the first
 * one lies among all sums and how far apart they are. */
typedef struct csep_gradient_sum {
    int64_t count;
    void *to;
    int64_t parts, at, step;
} csep_gradient_sum;

typedef struct csep_backward_pass {
    const csep_gradient_plan *plan;
    const csep_geometry *geometry; /* NHWC in the weights' dtype, zeros as padding */
    const void *x, *residual, *dy;
    csep_gradients gradients;
    /* From here on made by csep_prepare_backward. */
    int needs_stage;  /* 1: the gradient of the first stage's result is computed */
    int64_t together; /* pixels that tap_gradient takes together */
    int64_t tap_sums; /* numbers of a tap in the sums: as many channels, or lanes of pixels */
    int64_t strips_of_image, strips, parts;
    csep_gradient_sum sum[CSEP_GRADIENT_SUMS];
    int64_t part_elements; /* of a part of strips, whose sums lie side by side */
    /* Not 0: the matrix's gradient has jobs of its own, for each of its parts, which are rows of
     * the batch, and each of so many blocks of columns. */
    int64_t column_blocks;
    char *sums;
    int64_t sums_bytes;
    /* Of a thread's scratch: ds, du, the first stage's result, that with pixels and channels
     * exchanged, ds as panels or a row of sums, a phase of x's gradient, and what a convolution of
     * rows wants. */
    int64_t ds_at, du_at, between_at, rows_at, columns_at, phase_at, tile_at, scratch_step;
    char *scratch; /* of thread 0, then 1, ... */
} csep_backward_pass;

/* Rows of one image: its own of the output and of x, and those of the output whose gradients these
 * need, of which the first ones, before `fresh`, are there already. */
typedef struct csep_strip {
    int64_t image;
    int64_t row, row_end;
    int64_t in_row, in_end;
    int64_t from, to, fresh;
} csep_strip;

/* A call of which a kernel or csep_run_rows takes what it needs: arrays are filled in by the
 * caller, nothing is staged. */
csep_call csep_plain_call(const csep_plan *plan, const csep_geometry *geometry);

#endif
