#ifndef CSEP_SCRATCH_H
#define CSEP_SCRATCH_H

#include <stdint.h>

/* What a block of scratch memory is for; a thread has one of each. */
typedef enum csep_purpose { CSEP_FOR_TILES, CSEP_FOR_WEIGHTS, CSEP_PURPOSES } csep_purpose;

/* The calling thread's scratch memory, 64-byte aligned, at least bytes long; NULL if there is
 * none to be had.  It is kept for the thread's next call and freed when the thread ends. */
void *csep_scratch(csep_purpose purpose, int64_t bytes);

/* Gives the block back now; for one that was unusually large. */
void csep_scratch_free(csep_purpose purpose);

#endif
