/* What the files of run/ know of one call and of one tile. */
#ifndef CSEP_RUN_CALL_H
#define CSEP_RUN_CALL_H

#include "plan/schedule.h"

/* Input that will be read next and is not read now; x is NULL where there is none. */
typedef struct csep_ahead {
    const void *x;
    int64_t elements;
} csep_ahead;

typedef struct csep_call {
    const csep_plan *plan;
    const csep_geometry *geometry;
    const csep_schedule *schedule;
    const void *x, *residual;
    void *y;
    int64_t y_step; /* between pixels of y, where that is a part of a wider array; else 0: residual
                     * is laid out as y */
    csep_ahead after; /* what the caller reads after this call, to be prefetched by its last tile */
} csep_call;

static inline int64_t csep_y_step(const csep_call *c)
{
    return c->y_step ? c->y_step : c->plan->desc.out_channels;
}

/* Output rows and columns of one tile; rows are counted through the whole batch. */
typedef struct csep_tile {
    int64_t row, row_end, column, column_end;
} csep_tile;

static inline int64_t csep_tile_columns(const csep_tile *t) { return t->column_end - t->column; }
static inline int64_t csep_tile_pixels(const csep_tile *t)
{
    return (t->row_end - t->row) * csep_tile_columns(t);
}

/* Input rows under the kernel of output row `row`, counted through the batch: the first ... */
int64_t csep_first_input_row(const csep_call *call, int64_t row);
/* ... and one past the last. */
int64_t csep_end_input_row(const csep_call *call, int64_t row);

/* The tile of a job of the schedule. */
csep_tile csep_tile_of(const csep_call *call, int64_t job);

/* Input that the next job reads and this one, whose tile it is, does not; none where it is not read
 * as it lies. */
csep_ahead csep_input_ahead(const csep_call *call, int64_t job, const csep_tile *tile);

#endif
