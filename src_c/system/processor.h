/* Which instructions the processor has, and how large its caches are. */
#ifndef CSEP_SYSTEM_PROCESSOR_H
#define CSEP_SYSTEM_PROCESSOR_H

#include <stdint.h>

/* Whether the processor and the system support all that the files of isa/ by that name use. */
int csep_has_avx2(void);   /* AVX2, FMA, F16C */
int csep_has_avx512(void); /* those and AVX-512F */

/* Bytes of the L2 cache of one core. */
int64_t csep_l2_bytes(void);

/* Processors that the calling thread may run on; 1 where the system does not tell. */
int csep_affinity(void);

/* Asks the system for the caches' sizes, once per process, before anything else here is called. */
void csep_read_processor(void);

#endif
