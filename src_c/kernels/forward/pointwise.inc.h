/* Pointwise (GEMM) micro-kernels, written once in the vector vocabulary.
 *
 * A tile is MR rows by NV vectors of C, held in registers over the whole depth.  A lies in blocks
 * of VL channels: those the first stage wrote, [k / VL][row][VL], or the caller's pixels as they
 * are.  B is packed so that its NV vectors of a depth step follow each other.
 *
 * Every element of C is the sum over chunks of CSEP_SUM_CHUNK of k, one after the other, each of
 * them a chain of fused multiply-adds from 0, and then of the bias: the same bits whatever the
 * tile.
 */
#ifndef CSEP_KERNELS_FORWARD_POINTWISE_H
#define CSEP_KERNELS_FORWARD_POINTWISE_H

#include "isa/vocabulary.h"
#include "kernels/contract.h"
#include "kernels/shared/activation.inc.h"
#include "kernels/shared/prefetch.inc.h"
#include "kernels/shared/store.inc.h"

typedef struct tile_job {
    const real *a;
    int64_t a_step, a_row, a_tap, k, taps;
    const real *b;
    int64_t b_step;
    int continues;    /* c holds the sum of earlier chunks */
    const real *bias; /* of this panel; added where finish is 1 */
    real *c;
    const prefetch *ahead; /* not a copy: what was just stored by parts is slow to load whole */
    int64_t ldc;
    int last_lanes; /* lanes of the last vector that exist in c */
    int finish;
    int claim_c;                       /* c's lines are far: ask for them before the sums begin */
    const real *residual;              /* laid out as c, or NULL */
    const csep_activation *activation; /* where finish is 1 */
    const real *slopes;                /* of this panel, like bias */
} tile_job;

/* Where the MR rows of A lie.  Blocks of the first stage: VL apart, so one pointer serves them all.
 * Otherwise a pointer serves three rows: the processor adds once and twice a step by itself. */
enum { ROWS_A_POINTER = 3, A_POINTERS = (MAX_MR + ROWS_A_POINTER - 1) / ROWS_A_POINTER };

INLINE const real *pw_row(const real *const *a, int64_t a_row, const int r, const int GENERAL)
{
    return GENERAL ? a[r / ROWS_A_POINTER] + r % ROWS_A_POINTER * a_row : a[0] + r * VL;
}

INLINE void pw_point(const real **a, const real *first, int64_t a_row, const int MR)
{
    UNROLL
    for (int r = 0; r < MR; r += ROWS_A_POINTER)
        a[r / ROWS_A_POINTER] = first + r * a_row;
}

/* Moves all pointers on. */
INLINE void pw_advance(const real **a, int64_t step, const int MR, const int GENERAL)
{
    UNROLL
    for (int r = 0; r < MR; r += ROWS_A_POINTER)
        if (GENERAL || r == 0)
            a[r / ROWS_A_POINTER] += step;
}

INLINE void pw_step(vec (*acc)[CSEP_MAX_PANEL_VECTORS], const real *const *a, int64_t a_row,
                    int64_t k, const real *b, const int MR, const int NV, const int GENERAL)
{
    vec bv[CSEP_MAX_PANEL_VECTORS];
    UNROLL
    for (int v = 0; v < NV; v++)
        bv[v] = v_load(b + v * VL);
    UNROLL
    for (int r = 0; r < MR; r++) {
        const vec s = v_broadcast(pw_row(a, a_row, r, GENERAL) + k);
        UNROLL
        for (int v = 0; v < NV; v++)
            acc[r][v] = v_fma(s, bv[v], acc[r][v]);
    }
}

INLINE void pw_finish(const tile_job *t, vec (*acc)[CSEP_MAX_PANEL_VECTORS], const int MR,
                      const int NV)
{
    const placement place = {MR, NV, t->last_lanes, t->ldc, t->slopes};
    vec sum[MAX_SUMS];
    UNROLL
    for (int i = 0; i < MR * NV; i++)
        sum[i] = acc[i / NV][i % NV] + v_load(t->bias + i % NV * VL);
    v_finish(sum, MR * NV, &place, t->residual, t->activation);
    UNROLL
    for (int i = 0; i < MR * NV; i++)
        acc[i / NV][i % NV] = sum[i];
}

/* Asks for the lines that a tile will store to.  A store has to bring its line first: that takes
 * about as long as the sums of the tile, and goes on beside them.  By each piece's last byte: where
 * c is not at the start of a line, its first one was asked for with the panel before. */
INLINE void pw_claim(const tile_job *t, const int MR, const int NV)
{
    UNROLL
    for (int r = 0; r < MR; r++) {
        const char *c = (const char *)(t->c + r * t->ldc);
        UNROLL
        for (int l = LINE_BYTES; l <= NV * VL * (int)sizeof(real); l += LINE_BYTES)
            v_prefetch_write(c + l - 1);
    }
}

/* Sums of the chunks that are complete, in memory: accumulators take all registers. */
typedef struct totals {
    vec of[MAX_MR][CSEP_MAX_PANEL_VECTORS];
} totals;

/* The sum of the chunks before this job. */
INLINE void pw_continue(const tile_job *t, totals *total, const int MR, const int NV)
{
    UNROLL
    for (int v = 0; v < NV; v++) {
        const int whole = v < NV - 1 || t->last_lanes == VL;
        UNROLL
        for (int r = 0; r < MR; r++) {
            const real *c = t->c + r * t->ldc + v * VL;
            total->of[r][v] = whole ? v_load(c) : v_load_masked(c, v_mask(t->last_lanes));
        }
    }
}

INLINE void pw_zero(vec (*acc)[CSEP_MAX_PANEL_VECTORS], const int MR, const int NV)
{
    UNROLL
    for (int r = 0; r < MR; r++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            acc[r][v] = v_zero();
    }
}

INLINE void pw_put(totals *total, vec (*acc)[CSEP_MAX_PANEL_VECTORS], const int MR, const int NV)
{
    UNROLL
    for (int r = 0; r < MR; r++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            total->of[r][v] = acc[r][v];
    }
}

/* acc of the chunks up to here. */
INLINE void pw_total(vec (*acc)[CSEP_MAX_PANEL_VECTORS], const totals *total, const int MR,
                     const int NV)
{
    UNROLL
    for (int r = 0; r < MR; r++) {
        UNROLL
        for (int v = 0; v < NV; v++)
            acc[r][v] = total->of[r][v] + acc[r][v];
    }
}

INLINE void pw_store(const tile_job *t, vec (*acc)[CSEP_MAX_PANEL_VECTORS], const int MR,
                     const int NV)
{
    const int whole = t->last_lanes == VL;
    real *const last = t->c + (NV - 1) * VL;
    UNROLL
    for (int r = 0; r < MR; r++) {
        UNROLL
        for (int v = 0; v < NV - 1; v++)
            v_store(t->c + r * t->ldc + v * VL, acc[r][v]);
        if (whole)
            v_store(last + r * t->ldc, acc[r][NV - 1]);
    }
    if (!whole) {
        real sums[MAX_MR * VL];
        UNROLL
        for (int r = 0; r < MR; r++)
            v_store(sums + r * VL, acc[r][NV - 1]);
        store_first(last, t->ldc, sums, MR, t->last_lanes);
    }
}

/* GCC does not see that sums of earlier chunks are only read where there are any. */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

/* GENERAL: B's rows are b_step apart, rows of A a_row, and there may be several taps.  Otherwise
 * all that is known: with AVX2, K = 10 runs 10 % faster for it, K = 128 3 %.
 *
 * total is no array in memory to the compiler, which finds places for its elements: one that was
 * handed in took 5 % of K = 128 with AVX2.
 *
 * opaque: else the compiler keeps sums of a_row and k in memory, 3 to 7 % of K = 32 with AVX2. */
INLINE void pw_tile(const tile_job *t, const int MR, const int NV, const int GENERAL)
{
    vec acc[MAX_MR][CSEP_MAX_PANEL_VECTORS];
    totals total;
    const int64_t a_step = t->a_step;
    const int64_t b_step = GENERAL ? opaque(t->b_step) : NV * VL;
    const real *tap = t->a, *b = t->b;
    const real *a[A_POINTERS];
    const char *ahead = t->ahead->at;
    int64_t taps = GENERAL ? t->taps : 1;
    uint64_t left = (uint64_t)t->k, room = CSEP_SUM_CHUNK; /* of the tap, and of the chunk */
    int summed = t->continues;
    if (t->claim_c)
        pw_claim(t, MR, NV);
    if (summed)
        pw_continue(t, &total, MR, NV);
    pw_zero(acc, MR, NV);
    pw_point(a, tap, GENERAL ? opaque(t->a_row) : VL, MR);
    for (;;) {
        const int64_t a_row = GENERAL ? opaque(t->a_row) : VL;
        const uint64_t k = left < room ? left : room;
        for (uint64_t block = k / VL; block > 0; block--) {
            for (int i = 0; i < t->ahead->per_turn; i++) {
                v_prefetch_l2(ahead);
                for (int l = LINE_BYTES; GENERAL && l < t->ahead->piece; l += LINE_BYTES)
                    v_prefetch_l2(ahead + l);
                ahead += GENERAL ? t->ahead->step : LINE_BYTES;
            }
            for (int kk = 0; kk < VL; kk += 2) {
                const int64_t row = GENERAL ? opaque(a_row) : VL;
                pw_step(acc, a, row, kk, b, MR, NV, GENERAL);
                pw_step(acc, a, row, kk + 1, b + b_step, MR, NV, GENERAL);
                b += 2 * b_step;
                if (GENERAL)
                    b = opaque_pointer(b);
            }
            pw_advance(a, a_step, MR, GENERAL);
        }
        for (uint64_t kk = 0; kk < k % VL; kk++) {
            pw_step(acc, a, a_row, (int64_t)kk, b, MR, NV, GENERAL);
            b += b_step;
        }
        left -= k;
        if (GENERAL) {
            room -= k;
            pw_advance(a, (int64_t)(k % VL), MR, GENERAL); /* channels of a tap follow each other */
            if (!left && --taps) {
                left = (uint64_t)t->k;
                tap += t->a_tap;
                pw_point(a, tap, a_row, MR);
            }
            if (left && room)
                continue;
            room = CSEP_SUM_CHUNK;
        }
        if (!left)
            break;
        if (summed)
            pw_total(acc, &total, MR, NV);
        pw_put(&total, acc, MR, NV);
        pw_zero(acc, MR, NV);
        summed = 1;
    }
    if (summed)
        pw_total(acc, &total, MR, NV);
    if (t->finish)
        pw_finish(t, acc, MR, NV);
    pw_store(t, acc, MR, NV);
}

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/* The bound is a constant of the instruction set: cases above it compile to nothing. */
#define PW_CASE(n, bound, vectors, general)                                                        \
    case n:                                                                                        \
        if (n <= bound)                                                                            \
            pw_tile(t, n <= bound ? n : 1, vectors, general);                                      \
        break;
#define PW_SWITCH(rows, bound, vectors, general)                                                   \
    switch (rows) {                                                                                \
        PW_CASE(1, bound, vectors, general)                                                        \
        PW_CASE(2, bound, vectors, general)                                                        \
        PW_CASE(3, bound, vectors, general)                                                        \
        PW_CASE(4, bound, vectors, general)                                                        \
        PW_CASE(5, bound, vectors, general)                                                        \
        PW_CASE(6, bound, vectors, general)                                                        \
        PW_CASE(7, bound, vectors, general)                                                        \
        PW_CASE(8, bound, vectors, general)                                                        \
        PW_CASE(9, bound, vectors, general)                                                        \
        PW_CASE(10, bound, vectors, general)                                                       \
        PW_CASE(11, bound, vectors, general)                                                       \
        PW_CASE(12, bound, vectors, general)                                                       \
        PW_CASE(13, bound, vectors, general)                                                       \
        PW_CASE(14, bound, vectors, general)                                                       \
    }

typedef void (*tile_fn)(int rows, const tile_job *t);
static void pw_tile_1(int rows, const tile_job *t) { PW_SWITCH(rows, MR_1, 1, 0) }
static void pw_tile_2(int rows, const tile_job *t) { PW_SWITCH(rows, MR_2, 2, 0) }
static void pw_general_1(int rows, const tile_job *t) { PW_SWITCH(rows, MR_1, 1, 1) }
static void pw_general_2(int rows, const tile_job *t) { PW_SWITCH(rows, MR_2, 2, 1) }
#undef PW_SWITCH
#undef PW_CASE

/* By what a job needs and the panel's vectors. */
static const tile_fn tile_fns[2][CSEP_MAX_PANEL_VECTORS + 1] = {
    {0, pw_tile_1, pw_tile_2},
    {0, pw_general_1, pw_general_2},
};
static const int mr_of[CSEP_MAX_PANEL_VECTORS + 1] = {0, MR_1, MR_2};

INLINE int pw_is_general(const csep_pointwise_job *job)
{
    return job->b_step || job->a_row != VL || job->taps > 1;
}

static int pw_vectors(const csep_pointwise_job *job, int64_t panel)
{
    const int64_t left = (job->columns + VL - 1) / VL - panel * job->panel_vectors;
    return (int)(left < job->panel_vectors ? left : job->panel_vectors);
}

/* The tile whose first row and panel these are. */
static tile_job pw_first_tile(const csep_pointwise_job *job, int64_t panel, int64_t line,
                              int64_t row, const prefetch *ahead)
{
    const int64_t width = job->panel_vectors * VL, column = panel * width;
    const int64_t own = pw_vectors(job, panel) * VL, left = job->columns - column;
    const int64_t corner = (line * job->rows + row) * job->ldc + column;
    const real *b = job->b, *bias = job->bias, *residual = job->residual, *slopes = job->slopes;
    return (tile_job){
        .a = (const real *)job->a + line * job->a_line + row * job->a_row,
        .a_step = job->a_step,
        .a_row = job->a_row,
        .a_tap = job->a_tap,
        .taps = job->taps,
        .k = job->k,
        .b = job->b_step ? b + column + job->k_first * job->b_step
                         : b + column * job->k_total + job->k_first * own,
        .b_step = job->b_step ? job->b_step : own,
        .continues = job->continues,
        .bias = job->finish ? bias + column : 0,
        .c = (real *)job->c + corner,
        .ldc = job->ldc,
        .last_lanes = (int)(left < own ? left - own + VL : VL),
        .ahead = ahead,
        .finish = job->finish,
        .claim_c = job->claim_c && !job->continues,
        .residual = job->finish && residual ? residual + corner : 0,
        .activation = &job->activation,
        .slopes = slopes ? slopes + column : 0,
    };
}

/* Turns of prefetching in a tile. */
INLINE int64_t pw_turns(const csep_pointwise_job *job) { return job->taps * (job->k / VL); }

/* What a tile has asked for lies behind it. */
INLINE int64_t pw_asked(const csep_pointwise_job *job, const prefetch *ahead)
{
    return pw_turns(job) * ahead->per_turn * ahead->step;
}

/* All rows meet one panel, those of a line in tiles of nearly equal height. */
static void pw_panel(const csep_pointwise_job *job, int64_t panel, prefetch *ahead)
{
    const int vectors = pw_vectors(job, panel);
    const int64_t tiles = (job->rows + mr_of[vectors] - 1) / mr_of[vectors];
    const int64_t shorter = job->rows / tiles;
    const int64_t taller = job->rows % tiles; /* this many tiles have one row more */
    const int64_t asked = pw_asked(job, ahead);
    const tile_fn run = tile_fns[pw_is_general(job)][vectors];
    tile_job t = pw_first_tile(job, panel, 0, 0, ahead);
    for (int64_t line = 0; line < job->lines; line++) {
        t.a = (const real *)job->a + line * job->a_line;
        for (int64_t i = 0; i < tiles; i++) {
            const int rows = (int)(shorter + (i < taller));
            run(rows, &t);
            t.a += rows * job->a_row;
            t.c += rows * job->ldc;
            if (t.residual)
                t.residual += rows * job->ldc;
            ahead->at += asked;
        }
    }
}

/* The rows of one tile meet all panels that are whole.  Between two tiles only pointers move: with
 * K = 32 and AVX2, setting up each by itself took 10 % of the time. */
static void pw_rows(const csep_pointwise_job *job, int64_t panels, int64_t line, int64_t row,
                    int rows, prefetch *ahead)
{
    const int64_t width = job->panel_vectors * VL;
    const int64_t b_next = job->b_step ? width : width * job->k_total;
    const int64_t asked = pw_asked(job, ahead);
    const tile_fn run = tile_fns[pw_is_general(job)][job->panel_vectors];
    tile_job t = pw_first_tile(job, 0, line, row, ahead);
    for (int64_t p = 0; p < panels; p++) {
        run(rows, &t);
        t.b += b_next;
        t.c += width;
        if (t.bias)
            t.bias += width;
        if (t.residual)
            t.residual += width;
        if (t.slopes)
            t.slopes += width;
        ahead->at += asked;
    }
}

/* Spreads what is ahead evenly over a product of this many tiles. */
static prefetch pw_prefetch(const csep_pointwise_job *job, int64_t tiles)
{
    const int64_t turns = tiles * pw_turns(job);
    if (!job->ahead || !turns)
        return (prefetch){.at = (const char *)job->a}; /* any pointer: it moves on by nothing */
    if (!job->b_step)
        return prefetch_evenly(job->ahead, job->ahead_count, turns);
    return (prefetch){
        .at = (const char *)job->ahead,
        .step = job->ahead_step * (int64_t)sizeof(real),
        .piece = (int)(job->panel_vectors * VL * (int64_t)sizeof(real)),
        .per_turn = (int)((job->ahead_count + turns - 1) / turns),
    };
}

/* Each panel meets all rows before the next one, which is prefetched to L2 meanwhile. */
static void pw_panels_outer(csep_pointwise_job job, int64_t panels, int64_t tiles)
{
    const int64_t panel = job.panel_vectors * VL * job.k_total;
    job.ahead_count = panel;
    for (int64_t p = 0; p < panels; p++) {
        job.ahead = p + 1 < panels ? (const real *)job.b + (p + 1) * panel : 0;
        prefetch ahead = pw_prefetch(&job, tiles);
        pw_panel(&job, p, &ahead);
    }
}

static void pointwise(const csep_pointwise_job *job)
{
    REQUIRE(job->rows >= 1 && job->lines >= 1 && job->k >= 1 && job->columns >= 1);
    REQUIRE(job->taps >= 1 && job->k_first % CSEP_SUM_CHUNK == 0);
    REQUIRE(job->k_first + job->taps * job->k <= job->k_total);
    REQUIRE(job->a_step >= VL && (job->taps == 1 || job->a_step == VL));
    REQUIRE(job->panel_vectors >= 1 && job->panel_vectors <= CSEP_MAX_PANEL_VECTORS);
    REQUIRE(!(job->panels_outer && job->b_step));
    const int64_t width = job->panel_vectors * VL;
    const int64_t panels = (job->columns + width - 1) / width;
    const int64_t mr = mr_of[job->panel_vectors];
    const int64_t groups = (job->rows + mr - 1) / mr;

    if (job->panels_outer) {
        pw_panels_outer(*job, panels, groups * job->lines);
        return;
    }
    prefetch ahead = pw_prefetch(job, groups * panels * job->lines);
    const int64_t shorter = job->rows / groups;
    const int64_t taller = job->rows % groups;
    const int64_t whole = job->columns / width;
    for (int64_t line = 0; whole && line < job->lines; line++)
        for (int64_t g = 0, row = 0; g < groups; g++) {
            const int rows = (int)(shorter + (g < taller));
            pw_rows(job, whole, line, row, rows, &ahead);
            row += rows;
        }
    /* The narrower last panel by itself, in taller tiles. */
    if (whole < panels)
        pw_panel(job, whole, &ahead);
}

#endif
