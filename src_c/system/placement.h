/* On which processor a helper runs: not on its caller's.
 *
 * A virtual machine's kernel takes processors that are asleep for taken, and has a woken thread
 * share the one of the thread that woke it: measured, half of the calls after a pause had no help.
 */
#ifndef CSEP_SYSTEM_PLACEMENT_H
#define CSEP_SYSTEM_PLACEMENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

enum { CSEP_PROCESSORS = 1024 }; /* of larger machines, none is kept from a helper */

/* Only the thread itself settles; only a caller that has claimed the helper moves it. */
typedef struct csep_placement {
    pthread_t thread;
    atomic_int last;                        /* processor that it settled on; -1: it has not */
    atomic_int moved;                       /* it may not run on its caller's, until it settles */
    uint64_t allowed[CSEP_PROCESSORS / 64]; /* where it may run otherwise, as a cpu_set_t */
} csep_placement;

/* Of a thread that is to be made: away from this one. */
void csep_place_new(csep_placement *p, pthread_attr_t *attributes);

/* Moves a thread that sleeps, or waits for this processor, to the others that it may run on. */
void csep_move_away(csep_placement *p, int processor);

/* The thread runs, and may again wherever it could before. */
void csep_settle(csep_placement *p);

#endif
