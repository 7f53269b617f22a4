#include "run/product.h"

#include <stddef.h>

#include "plan/arith.h"
#include "plan/blocks.h"
#include "plan/pack.h"
#include "plan/sizes.h"
#include "run/first_stage.h"
#include "run/staging.h"
#include "run/window.h"

/* A for channels of a group from `first` on, where the caller's or the staged pixels are it. */
static void find_pixels(const csep_call *c, const csep_tile *t, int64_t group, int64_t first,
                        char *scratch, csep_pointwise_job *product)
{
    const csep_plan *p = c->plan;
    const csep_source source = csep_find_source(c, t, group, 0, p->depth, scratch);
    const int64_t row = t->row - source.first_row, column = t->column - source.first_column;
    const int64_t pixel = row * source.columns + column;
    product->a = at(source.x, pixel * source.channels + first, p->kernels->size);
    product->a_step = p->kernels->vl;
    product->a_row = source.channels;
}

/* The first stage of a tile for these channels, into scratch as A. */
static void fill_a(const csep_call *c, const csep_tile *t, int64_t group, int64_t first,
                   int64_t depth, char *scratch)
{
    const csep_plan *p = c->plan;
    const csep_schedule *s = c->schedule;
    const int64_t vl = p->kernels->vl;
    for (int64_t k = 0; k < depth; k += s->group) {
        const int64_t channels = min64(depth - k, s->group);
        const csep_source source = csep_find_source(c, t, group, first + k, channels, scratch);
        csep_stage_job job = {
            .a = at_mut(scratch, k / vl * s->a_step, p->kernels->size),
            .a_step = s->a_step,
            .pixel_step = vl,
            .line_step = csep_tile_columns(t) * vl,
            .whole_vectors = 1,
        };
        csep_run_first_stage(c, t, &source, first + k, channels, &job);
    }
}

/* Copies rows k .. k + rows - 1 of a few panels, of this many columns in all, one behind the other.
 */
static void pack_rows(const csep_plan *p, const void *b, int64_t rows, int64_t columns,
                      void *packed)
{
    const int size = p->kernels->size;
    const int64_t width = p->panel_vectors * p->kernels->vl;
    for (int64_t column = 0; column < columns; column += width) {
        const void *from = at(b, column, size);
        const int64_t own = min64(columns - column, width);
        p->kernels->pack_panel(from, p->desc.out_channels, rows, own, packed);
        packed = at_mut(packed, rows * width, size);
    }
}

/* The product of a tile with weights that are not packed: some rows of one panel, or of a few
 * narrow ones, at a time are copied to L1 and meet the whole tile, while the next ones are
 * prefetched to L2.  Sums go through y in between.  (Whole panels, copied from L2 to L2, cost 1.5
 * times as much.) */
static void pack_and_multiply(const csep_call *c, csep_pointwise_job job, void *packed)
{
    const csep_plan *p = c->plan;
    const int size = p->kernels->size;
    const int64_t vl = p->kernels->vl, co = p->desc.out_channels;
    const int64_t width = p->panel_vectors * vl, together = csep_packed_panels(p) * width;
    const int64_t rows = c->schedule->rows_packed, depth = job.k, columns = job.columns;
    const csep_pointwise_job whole = job;
    const void *const b = at(job.b, job.k_first * co, size);

    job.k_first = 0;
    job.panels_outer = 0;
    job.ahead_count = rows;
    job.ahead_step = co;
    for (int64_t first = 0; first < columns; first += together) {
        const int64_t end = min64(first + together, columns);
        for (int64_t k = 0; k < depth; k += rows) {
            const int64_t next = k + rows < depth ? k + rows : 0;
            job.k_total = job.k = min64(rows, depth - k);
            pack_rows(p, at(b, k * co + first, size), job.k, end - first, packed);
            job.a = at(whole.a, k / vl * job.a_step, size);
            job.finish = whole.finish && !next;
            for (int64_t column = first; column < end; column += width) {
                const int64_t ahead = next ? column : column + together;
                job.columns = min64(columns - column, width);
                job.b = at(packed, (column - first) * job.k, size);
                job.b_step = round_up(job.columns, vl);
                job.c = at_mut(whole.c, column, size);
                job.residual = at_if(whole.residual, column, size);
                job.continues = whole.continues || k;
                job.bias = at(whole.bias, column, size);
                job.slopes = at_if(whole.slopes, column, size);
                job.ahead = ahead < columns ? at(b, next * co + ahead, size) : NULL;
                p->kernels->pointwise(&job);
            }
        }
    }
}

void csep_run_product(const csep_call *c, int64_t index, const csep_tile *t, char *scratch)
{
    const csep_plan *p = c->plan;
    const csep_schedule *s = c->schedule;
    const int size = p->kernels->size;
    const int64_t part = index / (s->row_tiles * s->column_tiles);
    const int64_t group = part / s->splits, split = part % s->splits;
    const int64_t width = p->panel_vectors * p->kernels->vl, co = p->desc.out_channels;
    /* Columns of the group. */
    const int64_t first = share(s->panels, split, s->splits) * width;
    const int64_t next = min64(share(s->panels, split + 1, s->splits) * width, p->group_columns);
    const int packed = p->form == CSEP_PACKED;
    const int64_t first_column = group * p->group_columns + first;
    const int64_t first_weight =
        packed ? group * csep_group_elements(p) + first * p->depth : first_column;
    const csep_part outputs = csep_output_part(t, first_column, next - first);
    const csep_destination to = csep_find_destination(c, &outputs, scratch);

    csep_pointwise_job job = {
        .a = scratch,
        .a_step = s->a_step,
        .a_row = p->kernels->vl,
        .rows = csep_tile_pixels(t),
        .lines = 1,
        .taps = 1,
        .k_total = p->depth,
        .b = at(p->product, first_weight, size),
        .b_step = p->form == CSEP_UNPACKED ? co : 0,
        .bias = at(p->bias, first_column, size),
        .c = to.c,
        .ldc = to.pixel_step,
        .columns = outputs.channels,
        .panel_vectors = p->panel_vectors,
        .panels_outer = s->panels_outer,
        .claim_c = s->claim_c,
        .residual = to.residual,
        .activation = p->desc.activation,
        .slopes = at_if(p->slopes, first_column, size),
    };
    /* Evenly over the product: 4 to 12 % on layers whose input comes from memory. */
    if (packed && !s->panels_outer && s->depth_chunk >= p->depth) {
        const csep_ahead ahead = csep_input_ahead(c, index, t);
        job.ahead = ahead.x;
        job.ahead_count = ahead.elements;
    }
    for (int64_t k = 0; k < p->depth; k += s->depth_chunk) {
        job.k = min64(p->depth - k, s->depth_chunk);
        job.k_first = k;
        job.continues = k > 0;
        job.finish = k + job.k == p->depth;
        switch (s->a_from) {
        case CSEP_PIXELS: find_pixels(c, t, group, k, scratch, &job); break;
        case CSEP_WINDOW:
        case CSEP_WINDOW_COPY: csep_find_window(c, t, group, scratch, &job); break;
        default: fill_a(c, t, group, k, job.k, scratch); break;
        }
        if (p->form == CSEP_PACKED_IN_PRODUCT)
            pack_and_multiply(c, job, scratch + s->packed_at);
        else
            p->kernels->pointwise(&job);
    }
    csep_store_outputs(c, &outputs, scratch);
}
