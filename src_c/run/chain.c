#include "run/chain.h"

#include <string.h>

#include "plan/arith.h"
#include "plan/sizes.h"
#include "run/rows.h"
#include "system/caches.h"

/* Rows of the second's output, and the rows of what lies between that they see, of which `kept` are
 * there from the band before. */
typedef struct band {
    int64_t row, row_end;
    int64_t from, from_end, kept;
} band;

/* Moves on to the next band of a strip, at first from none; whether there is one. */
static int next_band(const csep_call *second, const csep_chain_cut *cut, int64_t strip, band *b)
{
    const int64_t out_h = second->geometry->out_h, before = b->from_end;
    const int64_t end = share(out_h, strip + 1, cut->strips);
    b->row = before ? b->row_end : share(out_h, strip, cut->strips);
    b->row_end = min64(b->row + cut->rows, end);
    if (b->row >= end)
        return 0;
    b->from = csep_first_input_row(second, b->row);
    b->from_end = csep_end_input_row(second, b->row_end - 1);
    b->kept = max64(before - b->from, 0);
    return 1;
}

/* Elements of a row of what lies between. */
static int64_t between_row(const csep_call *first)
{
    return first->geometry->out_w * first->plan->desc.out_channels;
}

static void run_first(const csep_chain *chain, int64_t image, int64_t row, int64_t row_end, char *y,
                      char *scratch)
{
    csep_call rows = csep_arrays_of_rows(&chain->first, image, row);
    rows.y = y;
    csep_run_rows(&chain->first, row, row_end, 0, rows, scratch);
}

static void run_second(const csep_chain *chain, int64_t image, const band *b, const char *x,
                       char *scratch)
{
    const csep_call *c = &chain->second;
    csep_call rows = csep_arrays_of_rows(c, image, b->row);
    rows.x = x;
    csep_run_rows(c, b->row, b->row_end, c->schedule->claim_c, rows, scratch);
}

static void run_strip(void *argument, int64_t job, int thread)
{
    const csep_chain *chain = argument;
    const csep_chain_cut *cut = chain->cut;
    const int64_t image = job / cut->strips, strip = job % cut->strips;
    const int64_t row = between_row(&chain->first) * chain->first.plan->kernels->size;
    char *between = chain->scratch + thread * chain->scratch_step;
    char *scratch = between + cut->between_bytes;
    band b = {0};
    for (int64_t from = 0; next_band(&chain->second, cut, strip, &b); from = b.from) {
        if (b.kept)
            memmove(between, between + (b.from - from) * row, (size_t)(b.kept * row));
        if (b.from + b.kept < b.from_end)
            run_first(chain, image, b.from + b.kept, b.from_end, between + b.kept * row, scratch);
        run_second(chain, image, &b, between, scratch);
    }
}

csep_task csep_chain_task(csep_chain *chain)
{
    const int64_t images = chain->second.geometry->input.batch;
    return (csep_task){images * chain->cut->strips, run_strip, chain};
}

/* Whether a convolution can be computed for some rows from the rows under them alone, its weights
 * staying in L2 from one band to the next: each row sees one of the image. */
static int can_be_cut(const csep_call *c)
{
    const csep_geometry *g = c->geometry;
    const int64_t last = (g->out_h - 1) * g->rows.step - g->input.pad_top;
    return !csep_is_converted(&c->plan->desc, g) && !c->schedule->panels_outer &&
           g->input.pad_top < csep_reach_h(&c->plan->desc) && last < g->input.height;
}

/* Each strip computes rows again that the one before has computed: few strips, but for each thread
 * as many, two if that can be. */
static int64_t choose_strips(const csep_geometry *second, int64_t overlap, int num_threads)
{
    enum { COMPUTED_AGAIN = 8 }; /* at most one row of so many */
    if (num_threads == 1 || second->input.batch >= 2 * num_threads)
        return 1;
    const int64_t wanted = ceil_div(2 * num_threads, second->input.batch);
    const int64_t rows = second->out_h * second->rows.step;
    const int64_t most = min64(rows / (COMPUTED_AGAIN * max64(overlap, 1)), second->out_h);
    return wanted <= most ? wanted : most / num_threads * num_threads;
}

/* The most that a band wants, beside what lies between. */
static int64_t band_scratch(const csep_call *first, const csep_call *second,
                            const csep_chain_cut *cut)
{
    int64_t bytes = 0;
    for (int64_t strip = 0; strip < cut->strips; strip++) {
        band b = {0};
        while (next_band(second, cut, strip, &b)) {
            const int64_t from = b.from + b.kept;
            bytes = max64(bytes, csep_scratch_of_rows(second, b.row, b.row_end));
            if (from < b.from_end)
                bytes = max64(bytes, csep_scratch_of_rows(first, from, b.from_end));
        }
    }
    return bytes;
}

csep_chain_cut csep_cut_chain(const csep_call *first, const csep_call *second, int num_threads)
{
    const csep_chain_cut none = {0};
    const int64_t l2 = csep_cache_sizes().l2, step = second->geometry->rows.step;
    const int64_t reach = csep_reach_h(&second->plan->desc), overlap = max64(reach - step, 0);
    const int64_t row = between_row(first) * first->plan->kernels->size;
    if (!can_be_cut(first) || !can_be_cut(second) || row * first->geometry->out_h <= l2)
        return none;
    const int64_t room = min64(l2, CSEP_MAX_SCRATCH_BYTES) / 2 / row;
    csep_chain_cut cut = {.rows = (room - reach) / step + 1};
    if (room < reach || cut.rows * step < overlap)
        return none;
    cut.strips = choose_strips(second->geometry, overlap, num_threads);
    if (cut.strips * second->geometry->input.batch < num_threads)
        return none;
    cut.between_bytes = round_up(room * row, CSEP_TASK_ALIGNMENT);
    cut.scratch_bytes = cut.between_bytes + band_scratch(first, second, &cut);
    return cut;
}
