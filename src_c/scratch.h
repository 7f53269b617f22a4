#ifndef CSEP_SCRATCH_H
#define CSEP_SCRATCH_H

#include <stdint.h>

/* The calling thread's scratch memory, 64-byte aligned, at least bytes long; NULL if there is
 * none to be had.  It is kept for the thread's next call and freed when the thread ends. */
void *csep_scratch(int64_t bytes);

#endif
