/* Steps that take numbers one by one, or copy them. */
#ifndef CSEP_NETWORK_NUMBERS_H
#define CSEP_NETWORK_NUMBERS_H

#include "network/context.h"

/* Jobs, of units that are pixels of the result; of csep_run_copy, numbers. */
void csep_run_elementwise(void *context, int64_t job, int thread);
void csep_run_softmax(void *context, int64_t job, int thread);
void csep_run_concat(void *context, int64_t job, int thread);
void csep_run_copy(void *context, int64_t job, int thread);

#endif
