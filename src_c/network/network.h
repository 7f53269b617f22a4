/* A network: its steps, checked and copied.  Made in network.c, read by the other files here. */
#ifndef CSEP_NETWORK_NETWORK_H
#define CSEP_NETWORK_NETWORK_H

#include "csep.h"
#include "kernels/contract.h"

typedef struct csep_prepared_cache csep_prepared_cache;

struct csep_network {
    csep_dtype dtype;
    const csep_kernels *kernels;
    int inputs, steps, outputs;
    /* Their arrays are the network's own: scales, shift and slopes of csep_repeats(..) pixels side
     * by side, padded to whole vectors. */
    csep_step *step;
    int *output; /* values */
    int64_t bytes;
    csep_prepared_cache *prepared; /* for the last shapes */
};

static inline int csep_value_count(const csep_network *n) { return n->inputs + n->steps; }

/* How many pixels of few channels are taken as one of many, so that vectors are full: the least
 * whose channels are whole blocks of vectors. */
int64_t csep_repeats(const csep_network *network, int64_t channels);

/* How often values are asked for by steps and by who calls; NULL if there is no memory. */
int *csep_count_uses(const csep_network *network);

/* For arguments that are checked; NULL if there is no memory. */
csep_network *csep_build_network(csep_dtype dtype, int inputs, const csep_step *steps, int count,
                                 const int *outputs, int output_count);

void csep_free_network(csep_network *network);

#endif
