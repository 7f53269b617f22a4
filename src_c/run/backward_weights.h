/* The gradients of weights and biases: sums over a strip's own pixels. */
#ifndef CSEP_RUN_BACKWARD_WEIGHTS_H
#define CSEP_RUN_BACKWARD_WEIGHTS_H

#include "run/backward_pass.h"

/* Adds to a part's sums those that are wanted; ds and du have rows from .. to of the strip. */
void csep_add_weight_gradients(const csep_backward_pass *backward, const csep_strip *strip,
                               const void *ds, const void *du, void *sums, char *scratch);

/* Where the matrix's gradient is computed apart, of linear layers: the sums of a part of the
 * batch's rows for a block of columns. */
void csep_add_matrix_part(const csep_backward_pass *backward, int64_t part, int64_t block,
                          void *sums, char *scratch);

/* Pixels of a tile of the product that is a gradient of weights. */
int64_t csep_gradient_pixels(const csep_backward_pass *backward);

/* The sums over pixels, side by side, of each channel. */
void csep_sum_pixels(const csep_kernels *kernels, const void *x, int64_t pixels, int64_t channels,
                     void *sums);

/* Adds numbers to as many sums. */
void csep_add_numbers(const csep_kernels *kernels, void *sums, const void *numbers, int64_t count);

#endif
