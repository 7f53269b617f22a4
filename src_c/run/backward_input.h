/* The gradient of x, phase by phase: each is a convolution. */
#ifndef CSEP_RUN_BACKWARD_INPUT_H
#define CSEP_RUN_BACKWARD_INPUT_H

#include "run/backward_pass.h"

/* Writes a strip's rows; `gradient` has rows from .. to of what the phases are convolutions of. */
void csep_write_input_gradient(const csep_backward_pass *backward, const csep_strip *strip,
                               const void *gradient, char *scratch);

/* The most that a strip's phases want: bytes for a convolution's scratch, numbers for its result
 * where that is not x's gradient itself. */
void csep_count_input_scratch(const csep_backward_pass *backward, const csep_strip *strip,
                              int64_t *tile_bytes, int64_t *phase_numbers);

#endif
