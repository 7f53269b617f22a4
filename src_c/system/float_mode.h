/* The processor's floating-point mode: rounding, and what happens to denormal numbers.  It belongs
 * to a thread, and a caller may have changed its own (torch.set_flush_denormal does). */
#ifndef CSEP_SYSTEM_FLOAT_MODE_H
#define CSEP_SYSTEM_FLOAT_MODE_H

#include <stdint.h>

#if defined(__x86_64__)
#include <xmmintrin.h>

/* Without the flags of exceptions that have happened. */
static inline uint64_t csep_get_float_mode(void) { return _mm_getcsr() & ~0x3fu; }
static inline void csep_set_float_mode(uint64_t mode) { _mm_setcsr((unsigned)mode); }
#elif defined(__aarch64__)
static inline uint64_t csep_get_float_mode(void)
{
    uint64_t mode;
    __asm__ volatile("mrs %0, fpcr" : "=r"(mode));
    return mode;
}
static inline void csep_set_float_mode(uint64_t mode)
{
    __asm__ volatile("msr fpcr, %0" : : "r"(mode));
}
#else
static inline uint64_t csep_get_float_mode(void) { return 0; }
static inline void csep_set_float_mode(uint64_t mode) { (void)mode; }
#endif

#endif
