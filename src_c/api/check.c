#include "api/check.h"

#include "plan/sizes.h"

#include "plan/pack.h"

csep_status csep_check_weights(const csep_conv_desc *desc, const csep_weights *weights)
{
    if (!weights || (desc->kind != CSEP_CONV && !weights->dw) ||
        (desc->kind != CSEP_DEPTHWISE && !csep_matrix_of(desc, weights)) ||
        (desc->activation.kind == CSEP_PRELU && !weights->slopes) ||
        (desc->kind == CSEP_SEPARABLE && desc->depthwise_activation.kind == CSEP_PRELU &&
         !weights->dw_slopes))
        return CSEP_BAD_ARGUMENT;
    return csep_init();
}

csep_status csep_check_layer(const csep_conv_desc *desc, const csep_weights *weights)
{
    if (!desc)
        return CSEP_BAD_ARGUMENT;
    const csep_status status = csep_check_desc(desc);
    return status == CSEP_OK ? csep_check_weights(desc, weights) : status;
}
