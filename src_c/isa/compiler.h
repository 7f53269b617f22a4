/* What the kernels need of the compiler. */
#ifndef CSEP_ISA_COMPILER_H
#define CSEP_ISA_COMPILER_H

#define INLINE static inline __attribute__((always_inline))
#define NOINLINE __attribute__((noinline))

/* Before a loop whose bounds are constant once the function is inlined: accumulators held in
 * arrays become registers only when such loops are unrolled completely. */
#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 32")
#endif

#endif
