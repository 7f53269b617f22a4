/* One call of a network. */
#ifndef CSEP_NETWORK_EXECUTE_H
#define CSEP_NETWORK_EXECUTE_H

#include "network/network.h"

csep_status csep_run_network(const csep_network *network, const csep_shape *inputs,
                             const void *const *x, void *const *y, int num_threads);

#endif
