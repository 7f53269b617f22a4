/* Block sizes: how much of a call is in the caches at a time. */
#ifndef CSEP_PLAN_BLOCKS_H
#define CSEP_PLAN_BLOCKS_H

#include "plan/schedule.h"

/* Output rows and columns of the largest tile. */
typedef struct csep_extent {
    int64_t rows, columns;
} csep_extent;

/* Chooses the extent of a tile and, in the schedule, depth_chunk, rows_packed, group,
 * input_converted and a_from.  rows, panels, splits, staged and panels_outer are
 * set before. */
csep_extent csep_choose_blocks(const csep_plan *plan, const csep_geometry *geometry,
                               csep_schedule *schedule);

/* Bytes of scratch under a tile: staged input and staged output of `group` channels. */
int64_t csep_staged_input_bytes(const csep_plan *plan, const csep_geometry *geometry,
                                csep_extent tile, int64_t group);
int64_t csep_staged_output_bytes(const csep_plan *plan, const csep_schedule *schedule,
                                 csep_extent tile, int64_t group);

/* Of an ordinary convolution: the input under a tile, with its padding. */
int64_t csep_window_bytes(const csep_plan *plan, const csep_geometry *geometry, csep_extent tile);

/* Scratch for the rows of panels that are packed during the product; 0 for other forms. */
int64_t csep_packed_bytes(const csep_plan *plan);

/* Panels whose rows are packed together then. */
int64_t csep_packed_panels(const csep_plan *plan);

#endif
