/* Gradients of the depthwise stage: of its weights, and of its input where no forward kernel can
 * compute it. */
#ifndef CSEP_KERNELS_BACKWARD_DEPTHWISE_H
#define CSEP_KERNELS_BACKWARD_DEPTHWISE_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"
#include "kernels/shared/block.inc.h"

/* The output pixels whose tap `dj` lies inside the image: from, to before end. */
INLINE void pixels_inside(const csep_tap_gradient_job *job, int64_t dj, int64_t *from, int64_t *end)
{
    const int64_t first = job->first_col + dj * job->dilation; /* column under pixel 0 */
    const int64_t last = job->width - 1 - first;
    *from = first < 0 ? (-first + job->stride - 1) / job->stride : 0;
    *end = last < 0 ? 0 : last / job->stride + 1;
    if (*end > job->pixels)
        *end = job->pixels;
}

/* One vector of x for output channels from k on; EXPAND: an input channel feeds several. */
typedef struct tap_source {
    int64_t channel; /* of the first lane, counted from line.x */
    vmask mask;
    vindex lane;
} tap_source;

INLINE vec tap_load(const real *x, const tap_source *s, const int EXPAND)
{
    const vec v = v_load_masked(x + s->channel, s->mask);
    return EXPAND ? v_expand(v, s->lane) : v;
}

/* The sum over one run of pixels, added to what there is. */
INLINE vec tap_sum(const real *x, int64_t x_step, const real *du, int64_t du_step, vmask mask,
                   int64_t pixels, const tap_source *s, const int EXPAND)
{
    vec even = v_zero(), odd = v_zero();
    int64_t p = 0;
    for (; p + 2 <= pixels; p += 2) {
        even = v_fma(tap_load(x, s, EXPAND), v_load_masked(du, mask), even);
        odd = v_fma(tap_load(x + x_step, s, EXPAND), v_load_masked(du + du_step, mask), odd);
        x += 2 * x_step;
        du += 2 * du_step;
    }
    if (p < pixels)
        even = v_fma(tap_load(x, s, EXPAND), v_load_masked(du, mask), even);
    return even + odd;
}

/* All taps of one vector of channels on one line. */
INLINE void tap_line(const csep_tap_gradient_job *job, const csep_line *line, int64_t index,
                     int64_t k, int lanes, const tap_source *s, const int EXPAND)
{
    const vmask mask = v_mask(lanes);
    const real *du = (const real *)job->du + index * job->du_line + k;
    for (int64_t di = 0; di < line->rows; di++)
        for (int64_t dj = 0; dj < job->taps; dj++) {
            int64_t from, end;
            pixels_inside(job, dj, &from, &end);
            if (from >= end)
                continue;
            const int64_t column = job->first_col + dj * job->dilation + from * job->stride;
            const real *x = (const real *)line->x + di * job->row_step + column * job->col_step;
            const vec sum = tap_sum(x, job->stride * job->col_step, du + from * job->du_pixel,
                                    job->du_pixel, mask, end - from, s, EXPAND);
            real *dw = (real *)job->dw + ((line->skip + di) * job->taps + dj) * job->dw_step + k;
            const vec total = v_load_masked(dw, mask) + sum;
            if (lanes == VL)
                v_store(dw, total);
            else
                v_store_first(dw, lanes, total);
        }
}

static void tap_gradient(const csep_tap_gradient_job *job)
{
    REQUIRE(job->lines >= 1 && job->pixels >= 1 && job->channels >= 1 && job->multiplier >= 1);
    const int64_t m = job->multiplier;
    for (int64_t k = 0; k < job->channels; k += VL) {
        const int64_t left = job->channels - k;
        const int lanes = left < VL ? (int)left : VL;
        tap_source s = {.channel = k / m};
        s.mask = v_mask((int)((k + lanes - 1) / m - k / m) + 1);
        if (m > 1) {
            s.lane = v_index(job->lane + k);
            for (int64_t i = 0; i < job->lines; i++)
                tap_line(job, job->line + i, i, k, lanes, &s, 1);
        } else {
            for (int64_t i = 0; i < job->lines; i++)
                tap_line(job, job->line + i, i, k, lanes, &s, 0);
        }
    }
}

/* VECTORS vectors of an input pixel's channels from c on, the last of which has so many lanes. */
INLINE void input_block(const csep_input_gradient_job *job, int64_t c, int lanes, real *to,
                        const int VECTORS)
{
    vec acc[BLOCK_VECTORS];
    UNROLL
    for (int v = 0; v < VECTORS; v++)
        acc[v] = v_zero();
    for (int64_t i = 0; i < job->terms; i++) {
        const real *du = (const real *)job->term[i].du + c, *w = job->term[i].w;
        UNROLL
        for (int v = 0; v < VECTORS; v++) {
            const vec value = load_in_block(du, v, lanes, VECTORS);
            if (w)
                acc[v] = v_fma(value, load_in_block(w + c, v, lanes, VECTORS), acc[v]);
            else
                acc[v] = acc[v] + value;
        }
    }
    store_block(to + c, acc, lanes, VECTORS);
}

static void input_gradient(const csep_input_gradient_job *job)
{
    const int64_t m = job->multiplier;
    REQUIRE(job->terms >= 0 && m >= 1 && job->channels >= 1 && job->channels % m == 0);
    real *dx = job->dx, *sums = m > 1 ? job->sums : dx;
    int64_t c = 0;
    for (; c + BLOCK_VECTORS * VL <= job->channels; c += BLOCK_VECTORS * VL)
        input_block(job, c, VL, sums, BLOCK_VECTORS);
    for (; c < job->channels; c += VL) {
        const int64_t left = job->channels - c;
        input_block(job, c, left < VL ? (int)left : VL, sums, 1);
    }
    for (int64_t q = 0; m > 1 && q < job->channels / m; q++) {
        dx[q] = 0;
        for (int64_t i = q * m; i < (q + 1) * m; i++)
            dx[q] += sums[i];
    }
}

#endif
