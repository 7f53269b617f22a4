#include "run/call.h"

#include "plan/arith.h"
#include "plan/sizes.h"

/* An input row, clipped to its image; `beyond` is counted from the one under the first tap. */
static int64_t input_row(const csep_call *c, int64_t row, int64_t beyond)
{
    const int64_t height = c->geometry->input.height, out_h = c->geometry->out_h;
    const int64_t top = (row % out_h) * c->geometry->rows.step - c->geometry->input.pad_top;
    return row / out_h * height + min64(max64(top + beyond, 0), height);
}

int64_t csep_first_input_row(const csep_call *c, int64_t row) { return input_row(c, row, 0); }

int64_t csep_end_input_row(const csep_call *c, int64_t row)
{
    return input_row(c, row, csep_reach_h(&c->plan->desc));
}

csep_tile csep_tile_of(const csep_call *c, int64_t job)
{
    const csep_schedule *s = c->schedule;
    const int64_t out_w = c->geometry->out_w;
    const int64_t index = job % (s->row_tiles * s->column_tiles);
    const int64_t r = index / s->column_tiles, q = index % s->column_tiles;
    return (csep_tile){
        .row = share(s->rows, r, s->row_tiles),
        .row_end = share(s->rows, r + 1, s->row_tiles),
        .column = share(out_w, q, s->column_tiles),
        .column_end = share(out_w, q + 1, s->column_tiles),
    };
}
