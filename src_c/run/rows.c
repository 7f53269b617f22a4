#include "run/rows.h"

#include "plan/arith.h"
#include "plan/sizes.h"
#include "run/tile.h"

csep_geometry csep_geometry_of_rows(const csep_call *c, int64_t row, int64_t row_end)
{
    csep_geometry g = *c->geometry;
    const int64_t height = g.input.height;
    /* At least one if there is one, also where the rows see nothing but padding: kernels then find
     * none of it. */
    const int64_t from = max64(min64(csep_first_input_row(c, row), height - 1), 0);
    const int64_t end = max64(csep_end_input_row(c, row_end - 1), min64(from + 1, height));
    const int64_t top = row * g.rows.step - g.input.pad_top;
    const int64_t reach = (row_end - 1 - row) * g.rows.step + csep_reach_h(&c->plan->desc);
    g.input.batch = 1;
    g.input.height = g.rows.size = end - from;
    g.input.pad_top = g.rows.before = from - top;
    g.input.pad_bottom = top + reach - end;
    g.out_h = row_end - row;
    return g;
}

csep_call csep_arrays_of_rows(const csep_call *c, int64_t image, int64_t row)
{
    const csep_geometry *g = c->geometry;
    const int size = c->plan->kernels->size;
    const int64_t first = image * g->out_h + row, y = first * g->out_w * csep_y_step(c);
    const int64_t x = csep_first_input_row(c, first) * g->input.width * c->plan->desc.in_channels;
    return (csep_call){
        .x = at_if(c->x, x, size),
        .residual = at_if(c->residual, y, size),
        .y = (void *)at_if(c->y, y, size),
        .y_step = c->y_step,
    };
}

void csep_run_rows(const csep_call *whole, int64_t row, int64_t row_end, int claim_c, csep_call c,
                   char *scratch)
{
    const csep_geometry g = csep_geometry_of_rows(whole, row, row_end);
    csep_schedule s;
    csep_make_schedule(whole->plan, &g, 1, &s);
    s.claim_c = claim_c;
    c.plan = whole->plan;
    c.geometry = &g;
    c.schedule = &s;
    for (int64_t job = 0; job < csep_jobs(&s); job++)
        csep_run_job(&c, job, scratch);
}

int64_t csep_scratch_of_rows(const csep_call *c, int64_t row, int64_t row_end)
{
    const csep_geometry g = csep_geometry_of_rows(c, row, row_end);
    csep_schedule s;
    csep_make_schedule(c->plan, &g, 1, &s);
    return s.scratch_bytes;
}
