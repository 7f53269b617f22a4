/* One backward pass: the only file of run/ that allocates for it and asks for threads. */
#ifndef CSEP_RUN_DIFFERENTIATE_H
#define CSEP_RUN_DIFFERENTIATE_H

#include "plan/gradient_plan.h"

/* For a geometry that was resolved with the plan's descriptor: NHWC in the weights' dtype, zeros as
 * padding. */
csep_status csep_run_backward(const csep_gradient_plan *plan, const csep_geometry *geometry,
                              const void *x, const void *residual, const void *dy,
                              const csep_gradients *gradients, int num_threads);

#endif
