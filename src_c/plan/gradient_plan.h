/* What a backward pass computes with: the forward plan, and plans for what goes the other way. */
#ifndef CSEP_PLAN_GRADIENT_PLAN_H
#define CSEP_PLAN_GRADIENT_PLAN_H

#include "plan/plan.h"

typedef struct csep_gradient_plan {
    csep_plan *forward; /* with its activations */
    /* The same, in the memory of the former, without the last activation, and without any. */
    csep_plan sums, linear;
    /* From the gradient of the sums to that of the first stage's result: a product with the matrix
     * transposed; NULL for depthwise convolutions. */
    csep_plan *back;
    /* Stride 1: from the gradient of the first stage's result, or for ordinary convolutions of the
     * sums, to that of x: a convolution with the kernel turned; else NULL. */
    csep_plan *turned;
    void *taps; /* the depthwise weights, (kernel_h, kernel_w, C * M), or NULL */
} csep_gradient_plan;

/* What those gradients need that are not NULL; 0, and nothing to free, if there is no memory. */
int csep_build_gradient_plan(csep_gradient_plan *plan, const csep_conv_desc *desc,
                             const csep_weights *weights, const csep_gradients *gradients);

void csep_free_gradient_plan(csep_gradient_plan *plan);

#endif
