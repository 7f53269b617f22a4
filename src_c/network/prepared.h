/* What a network's call needs to know that depends on the inputs' shapes: made once for them. */
#ifndef CSEP_NETWORK_PREPARED_H
#define CSEP_NETWORK_PREPARED_H

#include <stdatomic.h>

#include "network/arena.h"
#include "network/network.h"
#include "run/chain.h"

typedef struct csep_prepared_step {
    csep_geometry geometry; /* convolutions, pools */
    csep_schedule schedule; /* convolutions */
    csep_chain_cut cut;     /* of a chain of the step before and this one, where it has strips */
} csep_prepared_step;

typedef struct csep_prepared {
    atomic_int users;   /* who frees it last */
    int num_threads;    /* that were asked for */
    csep_shape *values; /* inputs first */
    csep_place *places; /* of the values */
    int64_t *extra_at;  /* of each step: in the arena, the converted x of a convolution */
    csep_prepared_step *step;
    int64_t arena_bytes;
    int64_t scratch_bytes; /* of one thread: what the step that wants most wants */
    int threads;           /* where helpers are awake */
    int worth_waking;      /* where they are to be woken */
} csep_prepared;

/* For one user; NULL, and why, if that cannot be. */
csep_prepared *csep_prepare(const csep_network *network, const csep_shape *inputs, int num_threads,
                            csep_status *status);

/* One user less. */
void csep_leave_prepared(csep_prepared *prepared);

#endif
