#define _GNU_SOURCE /* clock_gettime */
#include "timing.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "csep.h"
#include "plan/arith.h"

enum { ALIGNMENT = 64, PROBE = 200000 };

double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double median(double *numbers)
{
    qsort(numbers, ROUNDS, sizeof *numbers, ascending);
    return numbers[ROUNDS / 2];
}

float *make_floats(int64_t count)
{
    const int64_t bytes = round_up(max64(count, 1) * (int64_t)sizeof(float), ALIGNMENT);
    float *floats = aligned_alloc(ALIGNMENT, (size_t)bytes);
    if (!floats) {
        fprintf(stderr, "no memory for %lld bytes\n", (long long)bytes);
        exit(1);
    }
    return memset(floats, 0, (size_t)bytes);
}

double peak_flops(void)
{
    const double start = now();
    return csep_fma_probe(CSEP_F32, PROBE) / (now() - start);
}
