/* Any processor, vectors of 2 doubles. */
#ifndef CSEP_ISA_GENERIC_GENERIC_F64_H
#define CSEP_ISA_GENERIC_GENERIC_F64_H

#include "isa/compiler.h"
#include "isa/real_f64.h"

#define KERNELS csep_kernels_generic_f64
#define ISA_NAME "generic"
#define MANTISSA_BITS 52

typedef int64_t bits;
enum { MAX_MR = 8, MR_1 = 8, MR_2 = 5 };

#include "isa/generic/common.h"

#endif
