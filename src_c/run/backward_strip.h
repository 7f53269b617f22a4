/* What one strip of a backward pass computes. */
#ifndef CSEP_RUN_BACKWARD_STRIP_H
#define CSEP_RUN_BACKWARD_STRIP_H

#include "run/backward_pass.h"

/* `follows`: the strip before it was run with the same scratch, and what both need is there. */
csep_strip csep_find_strip(const csep_backward_pass *backward, int64_t index, int follows);

/* So many rows of the output as an image for convolutions of single pixels. */
csep_geometry csep_pixels_of_rows(const csep_backward_pass *backward, int64_t rows);

/* Adds to a part's sums and writes its rows of x's and the residual's gradient. */
void csep_run_strip(const csep_backward_pass *backward, int64_t index, int follows, void *sums,
                    char *scratch);

#endif
