/* Where the values of a network lie during a call. */
#ifndef CSEP_NETWORK_ARENA_H
#define CSEP_NETWORK_ARENA_H

#include "network/network.h"

typedef enum csep_place_kind {
    CSEP_IN_INPUT,
    CSEP_IN_OUTPUT,
    CSEP_IN_ARENA,
    CSEP_NOWHERE /* never there as a whole: made and used within the next step */
} csep_place_kind;

/* A value's memory: `at` bytes into the arena, or into an input or output, by its number.  A value
 * that is a part of a concatenation may lie within that: then its pixels are `step` numbers apart,
 * which is otherwise 0. */
typedef struct csep_place {
    csep_place_kind kind;
    int number;
    int64_t at, step;
} csep_place;

/* Places all values of these shapes but those that are CSEP_NOWHERE, so that no two that are needed
 * at the same time overlap, and tells how large the arena must be.  `uses`:
 * csep_count_uses.  `extra`: bytes that a step wants for itself, at extra_at.  0 if there is no
 * memory. */
int csep_place_values(const csep_network *network, const csep_shape *values, const int *uses,
                      const int64_t *extra, csep_place *places, int64_t *extra_at,
                      int64_t *arena_bytes);

#endif
