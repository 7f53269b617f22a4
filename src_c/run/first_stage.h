/* The first stage of a tile: depthwise, or im2col for an ordinary convolution. */
#ifndef CSEP_RUN_FIRST_STAGE_H
#define CSEP_RUN_FIRST_STAGE_H

#include "run/staging.h"

/* The kernel rows of one output row that lie inside the image. */
csep_line csep_line_of(const csep_call *call, const csep_source *source, int64_t row);

/* For `channels` channels from `first` on.  The caller has said in job where results go and what
 * happens to them: a, its steps, residual, activation, whole_vectors. */
void csep_run_first_stage(const csep_call *call, const csep_tile *tile, const csep_source *source,
                          int64_t first, int64_t channels, csep_stage_job *job);

#endif
