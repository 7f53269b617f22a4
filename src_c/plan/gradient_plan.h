/* What a backward pass computes with: the forward plan, and plans for what goes the other way. */
#ifndef CSEP_PLAN_GRADIENT_PLAN_H
#define CSEP_PLAN_GRADIENT_PLAN_H

#include "plan/plan.h"

/* Along one side, the input pixels under taps first, first + step, ..., `taps` of them: with a
 * stride, others are under other taps.  From one of these taps to the next it is `dilation` output
 * pixels. */
typedef struct csep_phase_side {
    int64_t first, taps, dilation;
} csep_phase_side;

/* The gradient of x at such pixels is a convolution of stride 1 with these taps in the opposite
 * order: of the gradient of the first stage's result, then summed over the channel multiplier; or
 * for ordinary convolutions of the gradient of the sums. */
typedef struct csep_phase {
    csep_phase_side rows, columns;
    csep_plan *plan;
} csep_phase;

struct csep_gradient_plan {
    csep_plan *forward; /* with its activations */
    /* The same, in the memory of the former, without the last activation, and without any. */
    csep_plan sums, linear;
    /* Separable convolutions: from the gradient of the sums to that of the first stage's result, a
     * product with the matrix transposed; else NULL. */
    csep_plan *back;
    csep_phase *phases; /* for the gradient of x, or NULL */
    int64_t phase_count;
};

/* What gradients need: that of x, those of the depthwise stage's weights and of x. */
enum { CSEP_NEEDS_PHASES = 1, CSEP_NEEDS_BACK = 2 };

/* 0, and nothing to free, if there is no memory. */
int csep_build_gradient_plan(csep_gradient_plan *plan, const csep_conv_desc *desc,
                             const csep_weights *weights, int needs);

void csep_free_gradient_plan(csep_gradient_plan *plan);

#endif
