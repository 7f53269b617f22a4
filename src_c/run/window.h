/* The input under a tile of an ordinary convolution, for a product that reads pixels in place. */
#ifndef CSEP_RUN_WINDOW_H
#define CSEP_RUN_WINDOW_H

#include "kernels/contract.h"
#include "run/call.h"

/* Sets a, the steps between its parts, rows, lines, taps and k of a product: the taps of a kernel
 * row lie side by side, so k goes over all of them.  Where the schedule says so, the tile's input
 * is copied into scratch before, with zeros for the padding. */
void csep_find_window(const csep_call *call, const csep_tile *tile, int64_t group, char *scratch,
                      csep_pointwise_job *product);

#endif
