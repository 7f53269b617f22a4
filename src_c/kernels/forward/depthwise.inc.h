/* Depthwise micro-kernels, written once in the vector vocabulary.
 *
 * A strip is up to STRIP output pixels of one vector of channels.  Its accumulators and the
 * weights of one kernel row stay in registers; the kernel slides over the input columns, so each
 * input vector is loaded once per kernel row and used for every tap that covers it.  All output
 * rows of a job are worked off below one strip before the next: the input they share is then in L1.
 *
 * Every output adds its taps in the order (kernel row, kernel column), with those outside the
 * image skipped, then the bias: its bits do not depend on the strip it fell into.
 */
#ifndef CSEP_KERNELS_FORWARD_DEPTHWISE_H
#define CSEP_KERNELS_FORWARD_DEPTHWISE_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"
#include "kernels/shared/activation.inc.h"
#include "kernels/shared/prefetch.inc.h"
#include "kernels/shared/store.inc.h"

/* GROUP blocks, 256 bytes of a pixel, take their turns on a strip of a row before the next row:
 * what lies side by side in memory is read and written together.  One block at a time, a depthwise
 * convolution alone takes 15 to 28 % longer, a strided separable one 6 %; half as many blocks cost
 * 12 to 27 % with AVX2, twice as many 14 % where 512 channels push each other out of L1. */
enum { STRIP = 8, MAX_TAPS = 7, GROUP = 256 / (int)sizeof(vec) };

/* Vectors of a cache line.  Where pixels lie a multiple of CROWDED bytes apart (512 channels), a
 * strip's columns share so few sets of L1 that a line is gone before its second half is wanted:
 * with AVX2, both halves at once take 12 to 27 % less time there, and up to 25 % more elsewhere. */
enum { LINE_VECTORS = 64 / (int)sizeof(vec), CROWDED = 2048 };

/* Which case a strip is compiled for.  WHOLE: all lanes and all columns exist.  PARTIAL: some lanes
 * or columns may not.  EXPAND: as PARTIAL, and each input channel feeds several lanes (M > 1). */
enum { WHOLE, PARTIAL, EXPAND };

/* One vector of channels of a job. */
typedef struct channel_block {
    int64_t channel; /* first input channel, counted from line->x */
    int count;       /* input channels under the vector */
    vmask mask;      /* the lanes they are loaded into */
    vindex lane;     /* EXPAND: input channel of each output lane */
    int outputs;     /* lanes to be stored */
    const real *w, *bias, *slopes;
    int64_t a; /* from job->a to the block */
} channel_block;

typedef struct block_group {
    prefetch *ahead; /* goes on with every strip of a line */
    int count;
    channel_block blocks[GROUP];
} block_group;

/* Columns of one strip.  Counted from the column under tap 0 of the first pixel, those from lo to
 * hi - 1 are inside the image. */
typedef struct strip {
    int64_t offset; /* floats from the start of an input row to that column; may be < 0 */
    int64_t lo, hi;
    int64_t pixel; /* first pixel of the run */
} strip;

INLINE vec dw_load(const real *x, const channel_block *block, const int mode)
{
    if (mode == WHOLE)
        return v_load(x);
    if (mode == PARTIAL)
        return v_load_masked(x, block->mask);
    return v_expand(v_load_masked(x, block->mask), block->lane);
}

/* The sums of a strip are complete: bias, residual, activation, store; a counts from job->a. */
INLINE void dw_finish(const csep_stage_job *job, const channel_block *block, vec *acc, int64_t a,
                      const int T)
{
    const int64_t step = job->pixel_step;
    const placement place = {T, 1, block->outputs, step, block->slopes};
    const real *residual = job->residual;
    const vec bias = v_load(block->bias);
    UNROLL
    for (int t = 0; t < T; t++)
        acc[t] = acc[t] + bias;
    v_finish(acc, T, &place, residual ? residual + a : 0, &job->activation);
    real *to = (real *)job->a + a;
    if (block->outputs == VL) {
        UNROLL
        for (int t = 0; t < T; t++)
            v_store(to + t * step, acc[t]);
    } else {
        real sums[STRIP * VL];
        UNROLL
        for (int t = 0; t < T; t++)
            v_store(sums + t * VL, acc[t]);
        store_first(to, step, sums, T, block->outputs);
    }
}

/* Taps side by side (dilation 1), TAPS and S known: load each input column once. */
INLINE void dw_strip_sliding(const csep_stage_job *job, const csep_line *line,
                             const channel_block *block, const strip *s, const real *w, int64_t a,
                             const int T, const int TAPS, const int S, const int mode)
{
    const int64_t col_step = job->col_step, row_step = job->row_step, lo = s->lo, hi = s->hi;
    const real *x = (const real *)line->x + block->channel;
    vec acc[STRIP];
    UNROLL
    for (int t = 0; t < T; t++)
        acc[t] = v_zero();

    for (int64_t di = line->rows; di > 0; di--) {
        vec tap[MAX_TAPS];
        UNROLL
        for (int dj = 0; dj < TAPS; dj++)
            tap[dj] = v_load(w + dj * VL);
        int64_t at = s->offset;
        UNROLL
        for (int u = 0; u < (T - 1) * S + TAPS; u++, at += col_step) {
            if (mode != WHOLE && (u < lo || u >= hi))
                continue;
            const vec v = v_pin(dw_load(x + at, block, mode));
            UNROLL
            for (int dj = 0; dj < TAPS; dj++) {
                const int t = (u - dj) / S;
                if (u >= dj && (u - dj) % S == 0 && t < T)
                    acc[t] = v_fma(v, tap[dj], acc[t]);
            }
        }
        x += row_step;
        w += TAPS * VL;
    }
    dw_finish(job, block, acc, a, T);
}

/* As WHOLE above, for both blocks of a cache line, whose weights are not kept in registers. */
INLINE void dw_strip_pair(const csep_stage_job *job, const csep_line *line,
                          const channel_block *pair, const strip *s, int64_t skipped, int64_t start,
                          const int T, const int TAPS, const int S)
{
    const real *x = (const real *)line->x + pair->channel;
    const real *w[2] = {pair[0].w + skipped, pair[1].w + skipped};
    vec acc[2][STRIP / 2];
    UNROLL
    for (int t = 0; t < T; t++)
        acc[0][t] = acc[1][t] = v_zero();

    for (int64_t di = line->rows; di > 0; di--) {
        int64_t at = s->offset;
        UNROLL
        for (int u = 0; u < (T - 1) * S + TAPS; u++, at += job->col_step) {
            UNROLL
            for (int half = 0; half < 2; half++) {
                const vec v = v_pin(v_load(x + at + half * VL));
                UNROLL
                for (int dj = 0; dj < TAPS; dj++) {
                    const int t = (u - dj) / S;
                    if (u >= dj && (u - dj) % S == 0 && t < T)
                        acc[half][t] = v_fma(v, v_load(w[half] + dj * VL), acc[half][t]);
                }
            }
        }
        x += job->row_step;
        w[0] += TAPS * VL;
        w[1] += TAPS * VL;
    }
    dw_finish(job, pair, acc[0], pair[0].a + start, T);
    dw_finish(job, pair + 1, acc[1], pair[1].a + start, T);
}

/* Any kernel width, stride and dilation. */
INLINE void dw_strip_any(const csep_stage_job *job, const csep_line *line,
                         const channel_block *block, const strip *s, const real *w, int64_t a,
                         const int T, const int mode)
{
    const int64_t stride = job->stride;
    const real *x = (const real *)line->x + block->channel;
    vec acc[STRIP];
    UNROLL
    for (int t = 0; t < T; t++)
        acc[t] = v_zero();

    for (int64_t di = line->rows; di > 0; di--) {
        for (int64_t dj = 0; dj < job->taps; dj++) {
            const vec tap = v_load(w);
            const int64_t first = dj * job->dilation;
            UNROLL
            for (int t = 0; t < T; t++) {
                const int64_t u = first + t * stride;
                if (mode != WHOLE && (u < s->lo || u >= s->hi))
                    continue;
                const vec v = dw_load(x + s->offset + u * job->col_step, block, mode);
                acc[t] = v_fma(v, tap, acc[t]);
            }
            w += VL;
        }
        x += job->row_step;
    }
    dw_finish(job, block, acc, a, T);
}

/* Asks for the lines that a strip will store to, before its sums begin. */
INLINE void dw_claim(const csep_stage_job *job, int64_t a, const int T)
{
    const real *to = (const real *)job->a + a;
    UNROLL
    for (int t = 0; t < T; t++)
        v_prefetch_write((const char *)(to + t * job->pixel_step));
}

/* One strip of every line, for some neighbouring blocks.  TAPS == 0 stands for dw_strip_any; PAIRS:
 * two blocks at a time, of an even number. */
INLINE void dw_lines(const csep_stage_job *job, const block_group *group, const strip *s,
                     const int T, const int TAPS, const int S, const int mode, const int PAIRS)
{
    const int64_t taps = TAPS ? TAPS : job->taps;
    int64_t start = s->pixel * job->pixel_step;
    for (int64_t i = 0; i < job->lines; i++, start += job->line_step) {
        const csep_line *line = job->line + i;
        const int64_t skipped = line->skip * taps * VL;
        prefetch_turn(group->ahead);
        for (int b = 0; b < group->count; b += 1 + PAIRS) {
            if (job->claim_a)
                dw_claim(job, group->blocks[b].a + start, T);
            if (PAIRS) {
                dw_strip_pair(job, line, group->blocks + b, s, skipped, start, T, TAPS, S);
                continue;
            }
            const channel_block block = group->blocks[b]; /* a copy: no store changes it */
            const real *w = block.w + skipped;
            if (TAPS)
                dw_strip_sliding(job, line, &block, s, w, block.a + start, T, TAPS, S, mode);
            else
                dw_strip_any(job, line, &block, s, w, block.a + start, T, mode);
        }
    }
}

INLINE void dw_lines_of(int64_t pixels, const csep_stage_job *job, const block_group *group,
                        const strip *s, const int TAPS, const int S, const int mode)
{
    switch (pixels) {
    case 1: dw_lines(job, group, s, 1, TAPS, S, mode, 0); break;
    case 2: dw_lines(job, group, s, 2, TAPS, S, mode, 0); break;
    case 3: dw_lines(job, group, s, 3, TAPS, S, mode, 0); break;
    case 4: dw_lines(job, group, s, 4, TAPS, S, mode, 0); break;
    case 5: dw_lines(job, group, s, 5, TAPS, S, mode, 0); break;
    case 6: dw_lines(job, group, s, 6, TAPS, S, mode, 0); break;
    case 7: dw_lines(job, group, s, 7, TAPS, S, mode, 0); break;
    default: dw_lines(job, group, s, 8, TAPS, S, mode, 0); break;
    }
}

/* The same two blocks at a time: strips of up to half the length. */
INLINE void dw_pairs_of(int64_t pixels, const csep_stage_job *job, const block_group *group,
                        const strip *s, const int TAPS, const int S)
{
    switch (pixels) {
    case 1: dw_lines(job, group, s, 1, TAPS, S, WHOLE, 1); break;
    case 2: dw_lines(job, group, s, 2, TAPS, S, WHOLE, 1); break;
    case 3: dw_lines(job, group, s, 3, TAPS, S, WHOLE, 1); break;
    default: dw_lines(job, group, s, 4, TAPS, S, WHOLE, 1); break;
    }
}

/* Whether a group is worked off two blocks at a time. */
INLINE int dw_in_pairs(const csep_stage_job *job, const block_group *group, const int TAPS,
                       const int S)
{
    if (LINE_VECTORS != 2 || TAPS != 3 || S != 1 || job->multiplier > 1 || group->count % 2)
        return 0;
    const int64_t size = sizeof(real);
    return job->col_step * size % CROWDED == 0 && job->pixel_step * size % CROWDED == 0;
}

/* A group of blocks along the whole run, in strips of nearly equal length. */
INLINE void dw_run(const csep_stage_job *job, const block_group *group, const int TAPS, const int S)
{
    const int in_pairs = dw_in_pairs(job, group, TAPS, S);
    const int64_t most = in_pairs ? STRIP / 2 : STRIP;
    const int64_t strips = (job->pixels + most - 1) / most;
    const int64_t shorter = job->pixels / strips;
    const int64_t longer = job->pixels % strips; /* this many strips have one pixel more */
    const int64_t reach = (job->taps - 1) * job->dilation;
    const int whole = group->blocks[group->count - 1].count == VL;

    int64_t col = job->first_col;
    strip s = {.pixel = 0};
    for (int64_t i = 0; i < strips; i++) {
        const int64_t pixels = shorter + (i < longer);
        const int64_t last = (pixels - 1) * job->stride + reach;
        s.offset = col * job->col_step;
        s.lo = -col;
        s.hi = job->width - col;
        const int inside = whole && s.lo <= 0 && last < s.hi;
        if (job->multiplier > 1)
            dw_lines_of(pixels, job, group, &s, TAPS, S, EXPAND);
        else if (in_pairs && inside)
            dw_pairs_of(pixels, job, group, &s, TAPS, S);
        else if (inside)
            dw_lines_of(pixels, job, group, &s, TAPS, S, WHOLE);
        else
            dw_lines_of(pixels, job, group, &s, TAPS, S, PARTIAL);
        col += pixels * job->stride;
        s.pixel += pixels;
    }
}

/* The block at output channel k. */
INLINE channel_block dw_block(const csep_stage_job *job, int64_t k, int64_t end)
{
    const int64_t m = job->multiplier;
    const int64_t k_last = k + VL < end ? k + VL - 1 : end - 1;
    const int64_t channel = m == 1 ? k : k / m;
    const int64_t w_block = k / VL % job->w_period;
    channel_block block = {
        .channel = channel - job->first_channel,
        .count = (int)((m == 1 ? k_last : k_last / m) - channel + 1),
        .outputs = job->whole_vectors ? VL : (int)(k_last - k + 1),
        .w = (const real *)job->w + w_block * job->kernel_rows * job->taps * VL,
        .bias = (const real *)job->bias + k,
        .slopes = job->slopes ? (const real *)job->slopes + k : 0,
        .a = (k - job->channel) / VL * job->a_step,
    };
    block.mask = v_mask(block.count);
    if (m > 1)
        block.lane = v_index(job->lane + k);
    return block;
}

INLINE void dw_job(const csep_stage_job *job, const int TAPS, const int S)
{
    REQUIRE(job->channel % VL == 0 && job->channels >= 1 && job->pixels >= 1 && job->lines >= 1);
    REQUIRE(!TAPS || (job->taps == TAPS && job->stride == S && job->dilation == 1));
    REQUIRE(job->w_period >= 1 && job->multiplier >= 1 && (job->multiplier == 1 || job->lane));
    const int64_t end = job->channel + job->channels;
    const int64_t strips = (job->pixels + STRIP - 1) / STRIP;
    const int64_t groups = (job->channels + GROUP * VL - 1) / (GROUP * VL);
    prefetch ahead = prefetch_evenly(job->ahead, job->ahead_count, strips * groups * job->lines);
    block_group group = {.ahead = &ahead};
    for (int64_t k = job->channel; k < end;) {
        /* A block that is not whole stays alone: the others need no masks. */
        group.count = 0;
        do {
            group.blocks[group.count++] = dw_block(job, k, end);
            k += VL;
        } while (group.count < GROUP && k + VL <= end);
        dw_run(job, &group, TAPS, S);
    }
}

/* Each instruction set lists those it wants; the others are not compiled. */
static inline void depthwise_3s1(const csep_stage_job *job) { dw_job(job, 3, 1); }
static inline void depthwise_3s2(const csep_stage_job *job) { dw_job(job, 3, 2); }
static inline void depthwise_5s1(const csep_stage_job *job) { dw_job(job, 5, 1); }
static inline void depthwise_5s2(const csep_stage_job *job) { dw_job(job, 5, 2); }
static inline void depthwise_7s1(const csep_stage_job *job) { dw_job(job, 7, 1); }
static inline void depthwise_any(const csep_stage_job *job) { dw_job(job, 0, 0); }

#endif
