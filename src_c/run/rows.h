/* Some output rows of one image, computed as a convolution of their own. */
#ifndef CSEP_RUN_ROWS_H
#define CSEP_RUN_ROWS_H

#include "run/call.h"

/* What of the call's geometry these rows need: the input rows under them, no others. */
csep_geometry csep_geometry_of_rows(const csep_call *call, int64_t row, int64_t row_end);

/* The call's arrays from the first of these rows on: of x those under it. */
csep_call csep_arrays_of_rows(const csep_call *call, int64_t image, int64_t row);

/* Computes them on the calling thread; `rows` has the arrays, which begin with the rows' own, and
 * y_step. */
void csep_run_rows(const csep_call *whole, int64_t row, int64_t row_end, int claim_c,
                   csep_call rows, char *scratch);

/* Scratch bytes of that. */
int64_t csep_scratch_of_rows(const csep_call *call, int64_t row, int64_t row_end);

#endif
