/* Weights from the caller's arrays into the packed layouts that kernels/README.md draws. */
#ifndef CSEP_PLAN_PACK_H
#define CSEP_PLAN_PACK_H

#include "plan/plan.h"

void csep_count_part_bytes(const csep_conv_desc *desc, const csep_kernels *kernels,
                           csep_part_bytes *bytes);

/* The matrix of a product as it was given: pw, or w seen as (kernel_h * kernel_w * C, CO). */
const void *csep_matrix_of(const csep_conv_desc *desc, const csep_weights *weights);

/* Fills dw, the biases and lane, whose memory the plan has already. */
void csep_pack_small_parts(const csep_plan *plan, const csep_weights *weights,
                           const csep_part_bytes *bytes);

/* Elements of a group's panels. */
int64_t csep_group_elements(const csep_plan *plan);

/* All panels of a matrix (K, CO), group by group, one after the other. */
void csep_pack_product(const csep_plan *plan, const void *matrix, void *panels);

#endif
