/* How large the caches are that one core works with: what tile sizes are derived from. */
#ifndef CSEP_SYSTEM_CACHES_H
#define CSEP_SYSTEM_CACHES_H

#include <stdint.h>

/* Bytes of data: L1 and L2 of one core, and its share of an L3, 0 where there is none. */
typedef struct csep_caches {
    int64_t l1, l2, l3;
} csep_caches;

/* Asks the system, once per process, before csep_cache_sizes is called.  Text that is not NULL
 * or empty overrides it: three sizes such as "32K,512K,16M", or nothing is set and 0 is returned.
 */
int csep_read_caches(const char *text);

csep_caches csep_cache_sizes(void);

#endif
