/* Memory that a thread keeps between its calls. */
#ifndef CSEP_SYSTEM_SCRATCH_H
#define CSEP_SYSTEM_SCRATCH_H

#include <stdint.h>

/* What a block of scratch memory is for; a thread has one of each. */
typedef enum csep_scratch_use {
    CSEP_SCRATCH_TILES,
    CSEP_SCRATCH_WEIGHTS,
    CSEP_SCRATCH_ARENA, /* the values between the steps of a network */
    CSEP_SCRATCH_USES
} csep_scratch_use;

/* The calling thread's scratch memory, 64-byte aligned, at least bytes long; NULL if there is
 * none to be had.  It is kept for the thread's next call and freed when the thread ends. */
void *csep_scratch(csep_scratch_use use, int64_t bytes);

/* Frees the block now; for one that was unusually large. */
void csep_scratch_free(csep_scratch_use use);

#endif
