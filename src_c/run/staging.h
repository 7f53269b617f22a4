/* Staging: between the caller's arrays and scratch, where the kernels cannot work on the former. */
#ifndef CSEP_RUN_STAGING_H
#define CSEP_RUN_STAGING_H

#include "run/call.h"

/* Where the first stage finds its input: the caller's array, or what was staged of it. */
typedef struct csep_source {
    const void *x;
    int64_t first_row; /* input row of x, counted through the batch */
    int64_t first_column, columns;
    int64_t first_channel, channels; /* channels is the step between columns as well */
} csep_source;

/* Where results go: the caller's array, or scratch. */
typedef struct csep_destination {
    void *c;
    const void *residual;
    int64_t pixel_step, line_step;
} csep_destination;

/* Pixels and channels of one of the caller's arrays; rows are counted through the batch. */
typedef struct csep_part {
    int64_t row, rows;
    int64_t column, columns;
    int64_t channel, channels;
} csep_part;

static inline csep_part csep_output_part(const csep_tile *t, int64_t channel, int64_t channels)
{
    return (csep_part){t->row,  t->row_end - t->row, t->column, csep_tile_columns(t), channel,
                       channels};
}

/* The input of a tile for `channels` channels of the first stage from `first` on, of a group. */
csep_source csep_find_source(const csep_call *call, const csep_tile *tile, int64_t group,
                             int64_t first, int64_t channels, char *scratch);

/* Where these outputs go; the residual is staged at once. */
csep_destination csep_find_destination(const csep_call *call, const csep_part *outputs,
                                       char *scratch);

/* Converts outputs from scratch into the caller's array, if that is where they are. */
void csep_store_outputs(const csep_call *call, const csep_part *outputs, char *scratch);

/* All of the call's x as NHWC reals. */
void csep_convert_input(const csep_call *call, void *to);

#endif
