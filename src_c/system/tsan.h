/* The order of memory accesses around a parallel region, told to ThreadSanitizer, which does not
 * see the futexes that OpenMP's runtime starts and ends a region with.  Nothing in other builds. */
#ifndef CSEP_SYSTEM_TSAN_H
#define CSEP_SYSTEM_TSAN_H

#if defined __SANITIZE_THREAD__ && defined _OPENMP
void __tsan_acquire(void *address);
void __tsan_release(void *address);
static inline void tsan_release(void *address) { __tsan_release(address); }
static inline void tsan_acquire(void *address) { __tsan_acquire(address); }
#else
static inline void tsan_release(void *address) { (void)address; }
static inline void tsan_acquire(void *address) { (void)address; }
#endif

#endif
