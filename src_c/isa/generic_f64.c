/* Any processor, vectors of 2 doubles. */
#include "../kernels.h"
#include "compiler.h"
#include "f64.h"

#define KERNELS csep_kernels_generic_f64
#define ISA_NAME "generic"
#define MANTISSA_BITS 52

typedef int64_t bits;
enum { MAX_ROWS = 8, MAX_ROWS_1 = 8, MAX_ROWS_2 = 5 };

#include "generic.h"
#include "table.inc.h"
