#include "run/call.h"

#include <stddef.h>

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

csep_ahead csep_input_ahead(const csep_call *c, int64_t job, const csep_tile *t)
{
    const csep_ahead none = {NULL, 0};
    const csep_schedule *s = c->schedule;
    const csep_conv_desc *d = &c->plan->desc;
    const int rows_skipped = d->stride_h > csep_reach_h(d);
    if (job + 1 == csep_jobs(s))
        return c->after;
    if (!s->prefetch_x || rows_skipped || s->column_tiles > 1 || (job + 1) % s->row_tiles == 0)
        return none;
    const csep_tile n = csep_tile_of(c, job + 1);
    const int64_t seen = csep_end_input_row(c, t->row_end - 1);
    const int64_t first = max64(csep_first_input_row(c, n.row), seen);
    const int64_t rows = csep_end_input_row(c, n.row_end - 1) - first;
    const int64_t row = c->geometry->input.width * d->in_channels;
    if (rows <= 0)
        return none;
    return (csep_ahead){at(c->x, first * row, c->plan->kernels->size), rows * row};
}
