#include "run/tile.h"

#include "plan/arith.h"
#include "run/first_stage.h"
#include "run/product.h"
#include "run/staging.h"

/* A tile of a convolution that ends with its depthwise stage. */
static void run_depthwise(const csep_call *c, int64_t index, const csep_tile *t, char *scratch)
{
    const csep_plan *p = c->plan;
    /* An image of 300x300x64 takes two thirds of the time with it. */
    const csep_ahead ahead = csep_input_ahead(c, index, t);
    for (int64_t k = 0; k < p->depth; k += c->schedule->group) {
        const int64_t channels = min64(p->depth - k, c->schedule->group);
        const csep_source source = csep_find_source(c, t, 0, k, channels, scratch);
        const csep_part outputs = csep_output_part(t, k, channels);
        const csep_destination to = csep_find_destination(c, &outputs, scratch);
        csep_stage_job job = {
            .a = to.c,
            .a_step = p->kernels->vl,
            .pixel_step = to.pixel_step,
            .line_step = to.line_step,
            .residual = to.residual,
            .ahead = ahead.x,
            .ahead_count = ahead.elements,
            .claim_a = c->schedule->claim_c,
        };
        csep_run_first_stage(c, t, &source, k, channels, &job);
        csep_store_outputs(c, &outputs, scratch);
    }
}

void csep_run_job(const csep_call *c, int64_t job, char *scratch)
{
    const csep_tile whole = csep_tile_of(c, job);
    csep_tile t = whole;
    for (; t.row < whole.row_end; t.row = t.row_end) {
        const int64_t out_h = c->geometry->out_h;
        t.row_end = whole.row_end;
        if (c->schedule->one_image)
            t.row_end = min64(t.row_end, (t.row / out_h + 1) * out_h);
        if (c->plan->form == CSEP_NO_PRODUCT)
            run_depthwise(c, job, &t, scratch);
        else
            csep_run_product(c, job, &t, scratch);
    }
}
