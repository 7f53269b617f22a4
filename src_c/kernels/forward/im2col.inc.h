/* im2col: the inputs of each output pixel side by side, for ordinary convolutions as a product:
 * channel k of the result is tap row di, tap column dj, input channel q, k = (di * taps + dj) * C +
 * q.
 *
 * A segment is a run of k that lies in one piece in an input row: all taps of a kernel row where
 * dilation is 1 and the input has no other channels, else one tap.  A block of VL channels is put
 * together from the parts of the segments it covers.  What lies outside the image is zero.
 */
#ifndef CSEP_KERNELS_FORWARD_IM2COL_H
#define CSEP_KERNELS_FORWARD_IM2COL_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"

/* The part of a block that comes from one segment. */
typedef struct piece {
    const real *lane0; /* where lane 0 would come from, were column 0 under the first tap */
    int64_t offset;    /* from the start of the input row to there */
    int from, to;      /* lanes */
    vmask mask;
} piece;

typedef struct pieces {
    int count;
    int64_t first, last; /* positions of a pixel in its row from and to which all lie inside */
    piece piece[VL];
} pieces;

/* The pieces of block k .. k + VL - 1 for one output row; those of rows outside are left out. */
static void find_pieces(const csep_stage_job *job, const csep_line *line, int64_t k, pieces *found)
{
    const int64_t total = job->kernel_rows * job->taps * job->in_channels;
    const int64_t end = k + VL < total ? k + VL : total;
    const int64_t row_length = job->width * job->col_step;
    const int side_by_side = job->dilation == 1 && job->col_step == job->in_channels;
    const int64_t length = job->in_channels * (side_by_side ? job->taps : 1);
    found->count = 0;
    found->first = INT64_MIN;
    found->last = INT64_MAX;
    for (int64_t at = k, next; at < end; at = next) {
        const int64_t segment = at / length, segment_end = (segment + 1) * length;
        next = segment_end < end ? segment_end : end;
        const int64_t di = side_by_side ? segment : segment / job->taps;
        const int64_t dj = side_by_side ? 0 : segment % job->taps;
        const int64_t row = di - line->skip;
        if (row < 0 || row >= line->rows)
            continue;
        const int64_t offset = dj * job->dilation * job->col_step + k - segment * length;
        const int from = (int)(at - k), to = (int)(next - k);
        const int64_t first = -(offset + from), last = row_length - offset - to;
        found->first = first > found->first ? first : found->first;
        found->last = last < found->last ? last : found->last;
        found->piece[found->count++] = (piece){
            .lane0 = (const real *)line->x + row * job->row_step + offset,
            .offset = offset,
            .from = from,
            .to = to,
            .mask = v_mask_range(from, to),
        };
    }
}

/* One block of a pixel whose first tap is at `position` of the input row; it may lie outside. */
INLINE vec load_clipped(const pieces *found, int64_t position, int64_t row_length)
{
    vec sum = v_zero();
    for (int i = 0; i < found->count; i++) {
        const piece *n = found->piece + i;
        const int64_t lane0 = position + n->offset;
        const int64_t from = lane0 + n->from < 0 ? -lane0 : n->from;
        const int64_t to = lane0 + n->to > row_length ? row_length - lane0 : n->to;
        if (from < to)
            sum = v_or(sum, v_load_masked(n->lane0 + position, v_mask_range((int)from, (int)to)));
    }
    return sum;
}

/* The same where all pieces lie inside. */
INLINE vec load_inside(const pieces *found, int64_t position)
{
    vec sum = v_load_masked(found->piece->lane0 + position, found->piece->mask);
    for (int i = 1; i < found->count; i++)
        sum = v_or(sum, v_load_masked(found->piece[i].lane0 + position, found->piece[i].mask));
    return sum;
}

INLINE int64_t within(int64_t n, int64_t most) { return n < 0 ? 0 : n < most ? n : most; }

/* One block of every pixel of one output row: those in the middle need no clipping. */
static void im2col_line(const csep_stage_job *job, const pieces *found, real *to)
{
    const int64_t pixel = job->stride * job->col_step, row_length = job->width * job->col_step;
    const int64_t start = job->first_col * job->col_step, pixels = job->pixels;
    int64_t inside = pixels, outside = pixels; /* the first pixels that lie inside, and no more */
    if (found->count > 0 && found->first <= found->last) {
        inside = within((found->first - start + pixel - 1) / pixel, pixels);
        outside = found->last < start ? 0 : within((found->last - start) / pixel + 1, pixels);
    }
    int64_t t = 0;
    for (; t < inside; t++)
        v_store(to + t * VL, load_clipped(found, start + t * pixel, row_length));
    if (found->count == 1 && found->piece->from == 0 && found->piece->to == VL) {
        const real *from = found->piece->lane0 + start;
        for (; t < outside; t++)
            v_store(to + t * VL, v_load(from + t * pixel));
    } else {
        for (; t < outside; t++)
            v_store(to + t * VL, load_inside(found, start + t * pixel));
    }
    for (; t < pixels; t++)
        v_store(to + t * VL, load_clipped(found, start + t * pixel, row_length));
}

static void im2col(const csep_stage_job *job)
{
    REQUIRE(job->channel % VL == 0 && job->channels >= 1 && job->pixels >= 1 && job->lines >= 1);
    REQUIRE(job->pixel_step == VL && job->whole_vectors && !job->residual);
    const int64_t end = job->channel + job->channels;
    pieces found;
    for (int64_t k = job->channel; k < end; k += VL) {
        real *block = (real *)job->a + (k - job->channel) / VL * job->a_step;
        for (int64_t i = 0; i < job->lines; i++) {
            find_pieces(job, job->line + i, k, &found);
            im2col_line(job, &found, block + i * job->line_step);
        }
    }
}

#endif
