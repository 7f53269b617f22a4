/* What the harnesses share: a clock, medians, and memory for operands. */
#ifndef CSEP_BENCHMARKS_TIMING_H
#define CSEP_BENCHMARKS_TIMING_H

#include <stdint.h>

enum { ROUNDS = 41 };

/* Seconds of a clock that only goes forward. */
double now(void);

/* Of ROUNDS numbers, which are sorted. */
double median(double *numbers);

/* Floats, zero, at a whole cache line; ends the program where there is no memory. */
float *make_floats(int64_t count);

/* The peak of multiply-adds in registers at this moment, in FLOP/s. */
double peak_flops(void);

#endif
