/* The micro-kernel of the product by itself: how near the peak it runs with operands at chosen
 * places.
 *
 *     product ROWS K COLUMNS [-o] [-r] [-l LDC] [-a KIB] [-b KIB] [-c KIB]
 *
 * One job multiplies ROWS x K by K x COLUMNS.  Jobs follow each other over -a KiB of A, -b KiB of B
 * and -c KiB of C (one job's by default, which stays where it fits): more than L1 places that
 * operand in L2, more than L2 in L3 or memory.  -l: elements between rows of C, COLUMNS by default.
 * -o: panels outer, each meets all rows before the next.  -r: rows of A in one piece, as the pixels
 * of an image, not in blocks.  CSEP_ISA chooses the kernels.  Prints
 * GFLOP/s and the share of the peak of multiply-adds in registers, the median of rounds in which
 * both take their turns. */
#define _GNU_SOURCE /* getopt */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernels/dispatch.h"
#include "plan/arith.h"
#include "timing.h"

/* As many of one job's operands as fit into so many bytes, at least one; zeros. */
typedef struct operands {
    float *at;
    int64_t elements, count;
} operands;

static operands make(int64_t elements, int64_t kib)
{
    const int64_t whole = round_up(elements, 16); /* cache lines */
    operands o = {.elements = whole, .count = max64(kib * 256 / whole, 1)};
    o.at = make_floats(whole * o.count);
    return o;
}

static float *nth(const operands *o, int64_t i) { return o->at + i % o->count * o->elements; }

int main(int argc, char **argv)
{
    int64_t ldc = 0, kib[3] = {0};
    int panels_outer = 0, in_place = 0;
    for (int option; (option = getopt(argc, argv, "orl:a:b:c:")) != -1;) {
        if (option == 'o')
            panels_outer = 1;
        else if (option == 'r')
            in_place = 1;
        else if (option == 'l')
            ldc = atoll(optarg);
        else if (option >= 'a' && option <= 'c')
            kib[option - 'a'] = atoll(optarg);
        else
            return 2;
    }
    if (argc - optind != 3 || csep_init() != CSEP_OK) {
        fprintf(stderr, "product ROWS K COLUMNS [-o] [-r] [-l LDC] [-a KIB] [-b KIB] [-c KIB]\n");
        return 2;
    }
    const int64_t rows = atoll(argv[optind]), k = atoll(argv[optind + 1]);
    const int64_t columns = atoll(argv[optind + 2]);
    const csep_kernels *kernels = csep_active_kernels(CSEP_F32);
    const int64_t vl = kernels->vl, padded = round_up(columns, vl);
    ldc = max64(ldc, columns);
    const operands a = make(rows * round_up(k, vl), kib[0]), b = make(k * padded, kib[1]);
    const operands c = make(rows * ldc, kib[2]), bias = make(padded, 0);
    csep_pointwise_job job = {.a_step = in_place ? vl : rows * vl,
                              .a_row = in_place ? k : vl,
                              .k = k,
                              .k_total = k,
                              .rows = rows,
                              .lines = 1,
                              .taps = 1,
                              .bias = bias.at,
                              .ldc = ldc,
                              .columns = columns,
                              .panel_vectors = kernels->panel_vectors,
                              .panels_outer = panels_outer,
                              .finish = 1};
    const double flops = 2.0 * (double)rows * (double)k * (double)columns;
    const int64_t jobs = max64((int64_t)(2e7 / flops), 1);
    double spent[ROUNDS], peak[ROUNDS];
    int64_t done = 0;
    for (int round = -3; round < ROUNDS; round++) { /* the first ones warm up */
        const double start = now();
        for (int64_t i = 0; i < jobs; i++, done++) {
            job.a = nth(&a, done);
            job.b = nth(&b, done);
            job.c = nth(&c, done);
            kernels->pointwise(&job);
        }
        const double time = now() - start;
        const double reached = peak_flops();
        if (round >= 0) {
            spent[round] = (double)jobs * flops / time;
            peak[round] = spent[round] / reached;
        }
    }
    printf("%s %lld x %lld x %lld, ldc %lld%s%s: %.1f GFLOP/s, %.1f %% of the peak\n",
           kernels->name, (long long)rows, (long long)k, (long long)columns, (long long)ldc,
           panels_outer ? ", panels outer" : "", in_place ? ", A in place" : "",
           median(spent) / 1e9, 100 * median(peak));
    return 0;
}
