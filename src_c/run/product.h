/* A tile through both stages: for each chunk of K the first stage, then the product with its rows
 * of the weights. */
#ifndef CSEP_RUN_PRODUCT_H
#define CSEP_RUN_PRODUCT_H

#include "run/call.h"

/* For the range of panels that the job names. */
void csep_run_product(const csep_call *call, int64_t job, const csep_tile *tile, char *scratch);

#endif
