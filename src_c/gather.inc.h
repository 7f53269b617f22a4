/* The inputs of each output pixel side by side, for ordinary convolutions as a product: channel k
 * of the result is tap row di, tap column dj, input channel q, k = (di * taps + dj) * C + q.
 *
 * A segment is a run of k that lies in one piece in an input row: all taps of a kernel row where
 * dilation is 1, else one tap.  A block of VL channels is put together from the parts of the
 * segments it covers.  What lies outside the image is zero.
 */

/* The part of a block that comes from one segment. */
typedef struct piece {
    const real *row; /* column 0, channel 0 of the input row; NULL: the row is outside */
    int64_t offset;  /* from the first tap of a pixel to lane 0, were the segment that long */
    int from, to;    /* lanes */
} piece;

/* The pieces of block k .. k + VL - 1 for one output row; returns how many. */
static int gather_pieces(const csep_stage_job *job, const csep_line *line, int64_t k, piece *pieces)
{
    const int64_t total = job->kernel_rows * job->taps * job->in_channels;
    const int64_t end = k + VL < total ? k + VL : total;
    const int side_by_side = job->dilation == 1;
    const int64_t length = job->in_channels * (side_by_side ? job->taps : 1);
    int count = 0;
    for (int64_t at = k; at < end;) {
        const int64_t segment = at / length, next = (segment + 1) * length;
        const int64_t di = side_by_side ? segment : segment / job->taps;
        const int64_t dj = side_by_side ? 0 : segment % job->taps;
        const int64_t row = di - line->skip;
        const int inside = row >= 0 && row < line->rows;
        pieces[count++] = (piece){
            .row = inside ? (const real *)line->x + row * job->row_step : 0,
            .offset = dj * job->dilation * job->col_step + k - segment * length,
            .from = (int)(at - k),
            .to = (int)((next < end ? next : end) - k),
        };
        at = next;
    }
    return count;
}

/* One block of one pixel whose first tap is at `position` of the input row. */
INLINE vec gather_block(const piece *pieces, int count, int64_t position, int64_t row_length)
{
    vec sum = v_zero();
    for (int i = 0; i < count; i++) {
        const piece *n = pieces + i;
        const int64_t lane0 = position + n->offset;
        const int64_t from = lane0 + n->from < 0 ? -lane0 : n->from;
        const int64_t to = lane0 + n->to > row_length ? row_length - lane0 : n->to;
        if (n->row && from < to)
            sum = v_or(sum, v_load_masked(n->row + lane0, v_mask_range((int)from, (int)to)));
    }
    return sum;
}

static void gather(const csep_stage_job *job)
{
    const int64_t end = job->channel + job->channels;
    const int64_t pixel = job->stride * job->col_step, row_length = job->width * job->col_step;
    const int64_t start = job->first_col * job->col_step;
    piece pieces[VL];
    for (int64_t k = job->channel; k < end; k += VL) {
        real *block = (real *)job->a + (k - job->channel) / VL * job->a_step;
        for (int64_t i = 0; i < job->lines; i++) {
            const int count = gather_pieces(job, job->line + i, k, pieces);
            const int whole = count == 1 && pieces->row && pieces->to == VL;
            real *to = block + i * job->line_step;
            int64_t position = start;
            for (int64_t t = 0; t < job->pixels; t++, position += pixel, to += VL) {
                const int64_t lane0 = position + pieces->offset;
                if (whole && lane0 >= 0 && lane0 + VL <= row_length)
                    v_store(to, v_load(pieces->row + lane0));
                else
                    v_store(to, gather_block(pieces, count, position, row_length));
            }
        }
    }
}
