/* What the kernels need of the compiler. */
#ifndef CSEP_ISA_COMPILER_H
#define CSEP_ISA_COMPILER_H

#include <stdint.h>

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

/* The same value, of which the compiler knows nothing: it cannot compute with it beforehand. */
INLINE int64_t opaque(int64_t n)
{
    __asm__("" : "+r"(n));
    return n;
}
INLINE const void *opaque_pointer(const void *p)
{
    __asm__("" : "+r"(p));
    return p;
}

/* Before a loop whose bounds are constant once the function is inlined: accumulators held in
 * arrays become registers only when such loops are unrolled completely. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

/* A precondition.  Test builds (CSEP_CHECKED) stop the program where it does not hold; elsewhere it
 * is only written down. */
#ifdef CSEP_CHECKED
#include <stdio.h>
#include <stdlib.h>
#define REQUIRE(condition)                                                                         \
    ((condition) ? (void)0                                                                         \
                 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), abort()))
#else
#define REQUIRE(condition) ((void)0)
#endif

#endif
