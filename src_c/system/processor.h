/* Which instructions the processor has, and how many there are. */
#ifndef CSEP_SYSTEM_PROCESSOR_H
#define CSEP_SYSTEM_PROCESSOR_H

/* Whether the processor and the system support all that the files of isa/ by that name use. */
int csep_has_avx2(void);   /* AVX2, FMA, F16C */
int csep_has_avx512(void); /* those and AVX-512F */

/* Processors that the calling thread may run on; 1 where the system does not tell. */
int csep_affinity(void);

#endif
