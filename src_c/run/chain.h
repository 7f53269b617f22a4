/* Two convolutions, the second of the first's result, which is never there as a whole: a thread
 * computes a band of the second's rows after the other, and keeps the rows of the first that the
 * next band sees as well. */
#ifndef CSEP_RUN_CHAIN_H
#define CSEP_RUN_CHAIN_H

#include "run/call.h"
#include "run/threads.h"

/* How the second's rows are cut up. */
typedef struct csep_chain_cut {
    int64_t strips; /* of an image, each a job that begins anew; 0: not worth it, or not possible */
    int64_t rows;   /* of a band; the last of a strip may have fewer */
    int64_t between_bytes, scratch_bytes; /* of one thread: between the two; in all */
} csep_chain_cut;

typedef struct csep_chain {
    csep_call first, second; /* of whole images; first.y and second.x are not read */
    const csep_chain_cut *cut;
    char *scratch; /* of thread 0, then 1, ... */
    int64_t scratch_step;
} csep_chain;

/* For calls with a schedule, whose arrays need not be there yet. */
csep_chain_cut csep_cut_chain(const csep_call *first, const csep_call *second, int num_threads);

csep_task csep_chain_task(csep_chain *chain);

#endif
