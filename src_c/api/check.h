/* What more than one entry point checks. */
#ifndef CSEP_API_CHECK_H
#define CSEP_API_CHECK_H

#include "csep.h"

/* Whether the arrays are there that the descriptor, which is checked, needs; then csep_init. */
csep_status csep_check_weights(const csep_conv_desc *desc, const csep_weights *weights);

/* A descriptor and its weights, as given: either may be missing. */
csep_status csep_check_layer(const csep_conv_desc *desc, const csep_weights *weights);

#endif
