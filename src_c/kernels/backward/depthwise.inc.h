/* Gradients of the depthwise stage: of its weights; of its input, what a forward kernel leaves to
 * do. */
#ifndef CSEP_KERNELS_BACKWARD_DEPTHWISE_H
#define CSEP_KERNELS_BACKWARD_DEPTHWISE_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"

/* Kernel rows and taps whose sums are in registers at once. */
enum { ROWS_AT_ONCE = 3, TAPS_AT_ONCE = 5 };

/* Which case is compiled for: whole vectors of channels; MASKED_TAPS: fewer lanes, of channels or
 * of several pixels; EXPAND_TAPS: an input channel feeds several lanes (M > 1). */
enum { WHOLE_TAPS, MASKED_TAPS, EXPAND_TAPS };

/* The output pixels whose tap `dj` lies inside the image: from, to before end. */
INLINE void pixels_inside(const csep_tap_gradient_job *job, int64_t dj, int64_t *from, int64_t *end)
{
    const int64_t first = job->first_col + dj * job->dilation; /* column under pixel 0 */
    const int64_t last = job->width - 1 - first;
    *from = first < 0 ? (-first + job->stride - 1) / job->stride : 0;
    *end = last < 0 ? 0 : last / job->stride + 1;
    if (*end > job->pixels)
        *end = job->pixels;
    if (*from > *end)
        *from = *end;
}

/* One vector of channels on one line. */
typedef struct tap_line {
    const real *x; /* column 0 of the first kernel row inside, at the vector's first channel */
    const real *du;
    real *dw; /* tap 0 of that kernel row */
    int lanes;
    vmask x_mask, du_mask;
    vindex lane; /* of x for each lane of du, where an input channel feeds several */
} tap_line;

INLINE vec tap_load(const real *x, const tap_line *line, const int mode)
{
    if (mode == WHOLE_TAPS)
        return v_load(x);
    const vec v = v_load_masked(x, line->x_mask);
    return mode == EXPAND_TAPS ? v_expand(v, line->lane) : v;
}

INLINE vec tap_load_du(const real *du, const tap_line *line, const int mode)
{
    return mode == WHOLE_TAPS ? v_load(du) : v_load_masked(du, line->du_mask);
}

/* Pixels from .. end - 1 under some kernel rows from di on and taps from dj on. */
typedef struct tap_window {
    int64_t di, dj, from, end;
    int rows, taps;
} tap_window;

/* Adds the lanes that there are to what dw holds; not inlined, as it is much code with AVX2. */
static NOINLINE void add_lanes(const csep_tap_gradient_job *job, const tap_line *line,
                               const real *sums, real *dw, int rows, int taps)
{
    for (int i = 0; i < rows * taps; i++) {
        real *to = dw + (i / taps * job->taps + i % taps) * job->dw_step;
        const vec total = v_load_masked(to, line->du_mask) + v_load(sums + i * VL);
        if (line->lanes == VL)
            v_store(to, total);
        else
            v_store_first(to, line->lanes, total);
    }
}

/* Adds the sums over a window of ROWS rows and TAPS taps: each du is loaded once, and as many sums
 * as there are taps hide each other's latency. */
INLINE void tap_sums(const csep_tap_gradient_job *job, const tap_line *line, const tap_window *w,
                     const int ROWS, const int TAPS, const int mode)
{
    const int64_t di = w->di, dj = w->dj, from = w->from, end = w->end;
    vec sum[ROWS_AT_ONCE * TAPS_AT_ONCE];
    const int64_t row_step = job->row_step, tap_step = job->dilation * job->col_step;
    const int64_t column = job->first_col + dj * job->dilation + from * job->stride;
    const int64_t x_pixel = job->stride * job->col_step;
    const real *x = line->x + di * row_step + column * job->col_step;
    const int64_t together = mode == MASKED_TAPS ? job->together : 1;
    const real *du = line->du + from * job->du_pixel;
    tap_line now = *line;
    UNROLL
    for (int i = 0; i < ROWS * TAPS; i++)
        sum[i] = v_zero();
    for (int64_t p = from; p < end; p += together) {
        if (mode == MASKED_TAPS && p + together > end)
            now.x_mask = now.du_mask = v_mask((int)((end - p) * job->du_pixel));
        const vec g = tap_load_du(du, &now, mode);
        UNROLL
        for (int i = 0; i < ROWS * TAPS; i++) {
            const real *under = x + i / TAPS * row_step + i % TAPS * tap_step;
            sum[i] = v_fma(tap_load(under, &now, mode), g, sum[i]);
        }
        x += x_pixel * together;
        du += job->du_pixel * together;
    }
    real *dw = line->dw + (di * job->taps + dj) * job->dw_step;
    if (mode == WHOLE_TAPS) {
        UNROLL
        for (int i = 0; i < ROWS * TAPS; i++) {
            real *to = dw + (i / TAPS * job->taps + i % TAPS) * job->dw_step;
            v_store(to, v_load(to) + sum[i]);
        }
        return;
    }
    real sums[ROWS_AT_ONCE * TAPS_AT_ONCE * VL];
    UNROLL
    for (int i = 0; i < ROWS * TAPS; i++)
        v_store(sums + i * VL, sum[i]);
    add_lanes(job, line, sums, dw, ROWS, TAPS);
}

/* The shapes that there is code for, once for each case: tap_block takes no others. */
INLINE void tap_sums_of(const csep_tap_gradient_job *job, const tap_line *line, const tap_window *w,
                        const int mode)
{
    const int wide = w->taps == TAPS_AT_ONCE, single = w->taps == 1;
    if (w->rows == ROWS_AT_ONCE) {
        if (wide)
            tap_sums(job, line, w, ROWS_AT_ONCE, TAPS_AT_ONCE, mode);
        else if (single)
            tap_sums(job, line, w, ROWS_AT_ONCE, 1, mode);
        else
            tap_sums(job, line, w, ROWS_AT_ONCE, 3, mode);
    } else if (wide) {
        tap_sums(job, line, w, 1, TAPS_AT_ONCE, mode);
    } else if (single) {
        tap_sums(job, line, w, 1, 1, mode);
    } else {
        tap_sums(job, line, w, 1, 3, mode);
    }
}

/* Not inlined where they are called: 40 KB of code for each instruction set and type otherwise. */
typedef void (*tap_fn)(const csep_tap_gradient_job *job, const tap_line *line, const tap_window *w);
static NOINLINE void tap_whole(const csep_tap_gradient_job *job, const tap_line *line,
                               const tap_window *w)
{
    tap_sums_of(job, line, w, WHOLE_TAPS);
}
static NOINLINE void tap_expand(const csep_tap_gradient_job *job, const tap_line *line,
                                const tap_window *w)
{
    tap_sums_of(job, line, w, EXPAND_TAPS);
}
static NOINLINE void tap_masked(const csep_tap_gradient_job *job, const tap_line *line,
                                const tap_window *w)
{
    tap_sums_of(job, line, w, MASKED_TAPS);
}

/* Some kernel rows from di on and taps from dj on: the pixels that have all of these taps inside
 * the image together, those beside them tap by tap. */
static void tap_block(const csep_tap_gradient_job *job, const tap_line *line, tap_fn sums,
                      int64_t di, int64_t dj, int rows, int taps)
{
    int64_t from[TAPS_AT_ONCE], end[TAPS_AT_ONCE], all_from = 0, all_end = job->pixels;
    for (int t = 0; t < taps; t++) {
        pixels_inside(job, dj + t, &from[t], &end[t]);
        all_from = from[t] > all_from ? from[t] : all_from;
        all_end = end[t] < all_end ? end[t] : all_end;
    }
    const int together = all_from < all_end;
    const tap_window all = {di, dj, all_from, all_end, rows, taps};
    if (together)
        sums(job, line, &all);
    for (int t = 0; taps > 1 && t < taps; t++) {
        const tap_window before = {di, dj + t, from[t], together ? all_from : end[t], rows, 1};
        const tap_window after = {di, dj + t, all_end, end[t], rows, 1};
        if (before.from < before.end)
            sums(job, line, &before);
        if (together && after.from < after.end)
            sums(job, line, &after);
    }
}

/* Some kernel rows from di on. */
static void tap_rows(const csep_tap_gradient_job *job, const tap_line *line, tap_fn sums,
                     int64_t di, int rows)
{
    int64_t dj = 0;
    for (; dj + TAPS_AT_ONCE <= job->taps; dj += TAPS_AT_ONCE)
        tap_block(job, line, sums, di, dj, rows, TAPS_AT_ONCE);
    for (; dj + 3 <= job->taps; dj += 3)
        tap_block(job, line, sums, di, dj, rows, 3);
    for (; dj < job->taps; dj++)
        tap_block(job, line, sums, di, dj, rows, 1);
}

static void tap_lines(const csep_tap_gradient_job *job, tap_line *own, tap_fn sums, int64_t k)
{
    const real *du = (const real *)job->du + k;
    real *dw = (real *)job->dw + k;
    const int64_t channel = k / job->multiplier;
    for (int64_t i = 0; i < job->lines; i++) {
        const csep_line *line = job->line + i;
        int64_t di = 0;
        own->x = (const real *)line->x + channel;
        own->du = du + i * job->du_line;
        own->dw = dw + line->skip * job->taps * job->dw_step;
        for (; di + ROWS_AT_ONCE <= line->rows; di += ROWS_AT_ONCE)
            tap_rows(job, own, sums, di, ROWS_AT_ONCE);
        for (; di < line->rows; di++)
            tap_rows(job, own, sums, di, 1);
    }
}

static void tap_gradient(const csep_tap_gradient_job *job)
{
    REQUIRE(job->lines >= 1 && job->pixels >= 1 && job->channels >= 1 && job->multiplier >= 1);
    REQUIRE(job->together == 1 || (job->together * job->channels <= VL && job->multiplier == 1));
    const int64_t m = job->multiplier, channels = job->together * job->channels;
    for (int64_t k = 0; k < channels; k += VL) {
        const int64_t left = channels - k;
        tap_line own = {.lanes = left < VL ? (int)left : VL};
        own.du_mask = v_mask(own.lanes);
        own.x_mask = v_mask((int)((k + own.lanes - 1) / m - k / m) + 1);
        if (m > 1) {
            own.lane = v_index(job->lane + k);
            tap_lines(job, &own, tap_expand, k);
        } else {
            const int whole = own.lanes == VL && job->together == 1;
            tap_lines(job, &own, whole ? tap_whole : tap_masked, k);
        }
    }
}

/* MULTIPLIER: the channel multiplier where it is known, else 0. */
INLINE void fold_pixels(const csep_fold_job *job, const int MULTIPLIER)
{
    const int64_t m = MULTIPLIER ? MULTIPLIER : job->multiplier;
    const real *from = job->from;
    real *to = job->to;
    for (int64_t pixel = 0; pixel < job->pixels; pixel++, to += job->to_step)
        for (int64_t q = 0; q < job->channels; q++, from += m) {
            real sum = from[0];
            for (int64_t i = 1; i < m; i++)
                sum += from[i];
            to[q] = sum;
        }
}

INLINE void copy_pixels(const csep_fold_job *job)
{
    const real *from = job->from;
    real *to = job->to;
    for (int64_t pixel = 0; pixel < job->pixels; pixel++, to += job->to_step) {
        int64_t c = 0;
        for (; c + VL <= job->channels; c += VL)
            v_store(to + c, v_load(from + c));
        for (; c < job->channels; c++)
            to[c] = from[c];
        from += job->channels;
    }
}

static void fold(const csep_fold_job *job)
{
    REQUIRE(job->pixels >= 1 && job->channels >= 1 && job->multiplier >= 1);
    switch (job->multiplier) {
    case 1: copy_pixels(job); break;
    case 2: fold_pixels(job, 2); break;
    case 8: fold_pixels(job, 8); break;
    default: fold_pixels(job, 0); break;
    }
}

#endif
