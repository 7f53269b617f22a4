/* What happens before what in a parallel region, told to ThreadSanitizer: it does not see the
 * futexes that OpenMP's runtime starts and ends a region with.  Nothing in any other build. */
#ifndef CSEP_HAPPENS_H
#define CSEP_HAPPENS_H

#if defined __SANITIZE_THREAD__ && defined _OPENMP
void __tsan_acquire(void *address);
void __tsan_release(void *address);
static inline void happens_before(void *address) { __tsan_release(address); }
static inline void happens_after(void *address) { __tsan_acquire(address); }
#else
static inline void happens_before(void *address) { (void)address; }
static inline void happens_after(void *address) { (void)address; }
#endif

#endif
