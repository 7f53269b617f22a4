/* What the C tests share. */
#ifndef TESTING_H
#define TESTING_H

#include <stdio.h>

#include "csep.h"

/* A separable layer with a 3x3 kernel and nothing else to it. */
static inline csep_conv_desc simple_layer(int64_t channels, int64_t filters)
{
    return (csep_conv_desc){.kind = CSEP_SEPARABLE,
                            .in_channels = channels,
                            .channel_multiplier = 1,
                            .out_channels = filters,
                            .kernel_h = 3,
                            .kernel_w = 3,
                            .stride_h = 1,
                            .stride_w = 1,
                            .dilation_h = 1,
                            .dilation_w = 1};
}

static inline int64_t bytes_of(csep_dtype dtype)
{
    return dtype == CSEP_F64 ? 8 : dtype == CSEP_F32 ? 4 : 2;
}

/* The instruction set that CSEP_ISA asks for; 0, and a word about those there are, without it. */
static inline int init_or_tell(void)
{
    if (csep_init() == CSEP_OK)
        return 1;
    printf("no such instruction set; there are: %s\n", csep_isa_available());
    return 0;
}

#endif
