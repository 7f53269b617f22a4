/* What was prepared for the last shapes of a network. */
#ifndef CSEP_NETWORK_PREPARED_CACHE_H
#define CSEP_NETWORK_PREPARED_CACHE_H

#include "network/prepared.h"

/* NULL if there is no memory. */
csep_prepared_cache *csep_make_prepared_cache(void);

void csep_free_prepared_cache(csep_prepared_cache *cache);

/* csep_prepare, or what it gave before; from any number of threads.  The user leaves it. */
csep_prepared *csep_find_prepared(const csep_network *network, const csep_shape *inputs,
                                  int num_threads, csep_status *status);

#endif
