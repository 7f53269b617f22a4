/* A convolution as tasks of a call. */
#ifndef CSEP_RUN_CONVOLUTION_H
#define CSEP_RUN_CONVOLUTION_H

#include "run/call.h"
#include "run/threads.h"

typedef struct csep_convolution {
    csep_call call;
    const void *given; /* x before csep_conversion_task, call.x after it; else not read */
    char *scratch;     /* of thread 0, then 1, ... */
    int64_t scratch_step;
} csep_convolution;

/* All of it; where the schedule says that x is converted beforehand, call.x is the converted. */
csep_task csep_convolution_task(csep_convolution *convolution);

/* The conversion of x, where the schedule wants one, to call.x. */
csep_task csep_conversion_task(csep_convolution *convolution);

/* Bytes of the converted x. */
int64_t csep_converted_bytes(const csep_plan *plan, const csep_geometry *geometry);

#endif
