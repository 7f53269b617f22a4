/* Steps whose pixels are made of pixels in other places: pooling, resizing, padding. */
#ifndef CSEP_NETWORK_WINDOWS_H
#define CSEP_NETWORK_WINDOWS_H

#include "network/context.h"

/* Jobs, of units that are rows of the result. */
void csep_run_pool(void *context, int64_t job, int thread);
void csep_run_nearest(void *context, int64_t job, int thread);
void csep_run_bilinear(void *context, int64_t job, int thread); /* scratch: a row of x */
void csep_run_pad(void *context, int64_t job, int thread);

/* Jobs, of units that are blocks of CSEP_POOLED_CHANNELS channels of an image. */
enum { CSEP_POOLED_CHANNELS = 64 };
void csep_run_global_pool(void *context, int64_t job, int thread);

#endif
