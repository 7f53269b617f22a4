/* What one strip of a backward pass computes. */
#ifndef CSEP_RUN_BACKWARD_STRIP_H
#define CSEP_RUN_BACKWARD_STRIP_H

#include "run/backward.h"

/* Pixels of a product that is a gradient of weights: its operands then lie in L2. */
enum { CSEP_GRADIENT_PIXELS = 192 };

/* Rows of one image: its own of the output and of x, and those of the output that it computes. */
typedef struct csep_strip {
    int64_t image;
    int64_t row, row_end;
    int64_t in_row, in_end;
    int64_t from, to;
} csep_strip;

/* So many rows of the output as an image for convolutions of single pixels. */
csep_geometry csep_pixels_of_rows(const csep_backward_pass *backward, int64_t rows);

/* The sums over pixels, side by side, of each channel. */
void csep_sum_pixels(const csep_kernels *kernels, const void *x, int64_t pixels, int64_t channels,
                     void *sums);

/* Adds numbers to as many sums. */
void csep_add_numbers(const csep_kernels *kernels, void *sums, const void *numbers, int64_t count);

csep_strip csep_find_strip(const csep_backward_pass *backward, int64_t index);

/* Adds to a part's sums and writes its rows of x's and the residual's gradient. */
void csep_run_strip(const csep_backward_pass *backward, int64_t index, void *sums, char *scratch);

#endif
