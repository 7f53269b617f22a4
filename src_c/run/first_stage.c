#include "run/first_stage.h"

#include <stddef.h>

#include "plan/arith.h"
#include "plan/sizes.h"

/* Rows that a kernel is given at once: more would not stay in L1 below a strip. */
enum { LINES = 16 };

csep_line csep_line_of(const csep_call *c, const csep_source *source, int64_t row)
{
    const csep_conv_desc *d = &c->plan->desc;
    const int64_t height = c->geometry->input.height, dilation = d->dilation_h;
    const int64_t image = row / c->geometry->out_h;
    const int64_t top =
        (row % c->geometry->out_h) * c->geometry->rows.step - c->geometry->input.pad_top;
    /* Those di with 0 <= top + di * dilation < height. */
    const int64_t skip = top < 0 ? (-top + dilation - 1) / dilation : 0;
    const int64_t end = top < height ? (height - 1 - top) / dilation + 1 : 0;
    const int64_t rows = min64(end, d->kernel_h) - skip;
    if (rows <= 0)
        return (csep_line){source->x, 0, 0};
    const int64_t in_row = image * height + top + skip * dilation - source->first_row;
    const int64_t row_step = source->columns * source->channels;
    return (csep_line){at(source->x, in_row * row_step, c->plan->kernels->size), rows, skip};
}

void csep_run_first_stage(const csep_call *c, const csep_tile *t, const csep_source *source,
                          int64_t first, int64_t channels, csep_stage_job *job)
{
    const csep_plan *p = c->plan;
    const csep_conv_desc *d = &p->desc;
    const int size = p->kernels->size;
    csep_line lines[LINES];
    job->line = lines;
    /* Where no two kernel rows lie in an image there is no step, and the product may overflow. */
    const int64_t reach = d->dilation_h < c->geometry->input.height ? d->dilation_h : 0;
    job->row_step = reach * source->columns * source->channels;
    job->col_step = source->channels;
    job->width = source->columns;
    job->first_col =
        t->column * c->geometry->columns.step - c->geometry->input.pad_left - source->first_column;
    job->stride = c->geometry->columns.step;
    job->dilation = d->dilation_w;
    job->taps = d->kernel_w;
    job->kernel_rows = d->kernel_h;
    job->in_channels = d->in_channels / p->groups;
    job->first_channel = source->first_channel;
    job->multiplier = d->channel_multiplier;
    job->w = p->dw;
    job->w_period = p->dw_blocks;
    job->bias = p->dw_bias;
    job->activation = *csep_first_activation(d);
    job->slopes = p->dw_slopes;
    job->lane = p->lane;
    job->channel = first;
    job->channels = channels;
    job->pixels = csep_tile_columns(t);
    for (int64_t row = t->row; row < t->row_end; row += job->lines) {
        job->lines = min64(t->row_end - row, LINES);
        for (int64_t i = 0; i < job->lines; i++)
            lines[i] = csep_line_of(c, source, row + i);
        p->first_stage(job);
        job->ahead = NULL; /* once is enough */
        job->a = at_mut(job->a, job->lines * job->line_step, size);
        job->residual = at_if(job->residual, job->lines * job->line_step, size);
    }
}
