/* The tables of kernels that were built, and which of them is in use. */
#ifndef CSEP_KERNELS_DISPATCH_H
#define CSEP_KERNELS_DISPATCH_H

#include "kernels/contract.h"

extern const csep_kernels csep_kernels_generic_f32, csep_kernels_generic_f64;
extern const csep_kernels csep_kernels_avx2_f32, csep_kernels_avx2_f64;
extern const csep_kernels csep_kernels_avx512_f32, csep_kernels_avx512_f64;

/* Takes the best instruction set of this processor, or the one that wanted names (NULL or "": the
 * best).  Once per process; returns whether there is such a one. */
int csep_choose_kernels(const char *wanted);

/* The table in use for CSEP_F32 or CSEP_F64; after csep_choose_kernels has succeeded. */
const csep_kernels *csep_active_kernels(csep_dtype real);

/* Comma-separated names of the instruction sets of this processor, best first. */
const char *csep_kernel_names(void);

#endif
