/* Depthwise micro-kernels, written once in the vector vocabulary of isa/.
 *
 * A strip is up to STRIP output pixels of one vector of channels.  Its accumulators and the
 * weights of one kernel row stay in registers; the kernel slides over the input columns, so each
 * input vector is loaded once per kernel row and used for every tap that covers it.
 *
 * Every output adds its taps in the order (kernel row, kernel column), with those outside the
 * image skipped: its bits do not depend on the strip it fell into.
 */

enum { STRIP = 8 };

/* Which case a strip is compiled for.  WHOLE: all lanes and all columns exist.  PARTIAL: some lanes
 * or columns may not.  EXPAND: as PARTIAL, and each input channel feeds several lanes (M > 1). */
enum { WHOLE, PARTIAL, EXPAND };

typedef struct lanes {
    int count;   /* input channels under the vector */
    vmask mask;  /* the lanes they are loaded into */
    vindex lane; /* EXPAND: input channel of each output lane */
} lanes;

INLINE vec dw_load(const real *x, const lanes *sel, const int mode)
{
    if (mode == WHOLE)
        return v_load(x);
    if (mode == PARTIAL)
        return v_load_masked(x, sel->mask);
    return v_expand(v_load_masked(x, sel->mask), sel->lane);
}

/* Taps side by side (dilation 1), TAPS and S known: load each input column once.
 * col is the input column under tap 0 of the first pixel. */
INLINE void dw_strip_sliding(const csep_depthwise_job *job, const real *x, const real *w, real *a,
                             const lanes *sel, int64_t col, const int T, const int TAPS,
                             const int S, const int mode)
{
    vec acc[STRIP];
    UNROLL
    for (int t = 0; t < T; t++)
        acc[t] = v_zero();

    for (int64_t di = 0; di < job->rows; di++) {
        vec tap[8];
        UNROLL
        for (int dj = 0; dj < TAPS; dj++)
            tap[dj] = v_load(w + dj * VL);
        UNROLL
        for (int u = 0; u < (T - 1) * S + TAPS; u++) {
            if (mode != WHOLE && (col + u < 0 || col + u >= job->width))
                continue;
            const vec v = dw_load(x + (col + u) * job->col_step, sel, mode);
            UNROLL
            for (int dj = 0; dj < TAPS; dj++) {
                const int t = (u - dj) / S;
                if (u >= dj && (u - dj) % S == 0 && t < T)
                    acc[t] = v_fma(v, tap[dj], acc[t]);
            }
        }
        x += job->row_step;
        w += TAPS * VL;
    }
    UNROLL
    for (int t = 0; t < T; t++)
        v_store(a + t * VL, acc[t]);
}

/* Any kernel width, stride and dilation. */
INLINE void dw_strip_any(const csep_depthwise_job *job, const real *x, const real *w, real *a,
                         const lanes *sel, int64_t col, const int T, const int mode)
{
    vec acc[STRIP];
    UNROLL
    for (int t = 0; t < T; t++)
        acc[t] = v_zero();

    for (int64_t di = 0; di < job->rows; di++) {
        for (int64_t dj = 0; dj < job->taps; dj++) {
            const vec tap = v_load(w);
            const int64_t first = col + dj * job->dilation;
            UNROLL
            for (int t = 0; t < T; t++) {
                const int64_t at = first + t * job->stride;
                if (mode != WHOLE && (at < 0 || at >= job->width))
                    continue;
                acc[t] = v_fma(dw_load(x + at * job->col_step, sel, mode), tap, acc[t]);
            }
            w += VL;
        }
        x += job->row_step;
    }
    UNROLL
    for (int t = 0; t < T; t++)
        v_store(a + t * VL, acc[t]);
}

/* TAPS == 0 stands for dw_strip_any. */
INLINE void dw_strip(const csep_depthwise_job *job, const real *x, const real *w, real *a,
                     const lanes *sel, int64_t col, const int T, const int TAPS, const int S,
                     const int mode)
{
    if (TAPS)
        dw_strip_sliding(job, x, w, a, sel, col, T, TAPS, S, mode);
    else
        dw_strip_any(job, x, w, a, sel, col, T, mode);
}

INLINE void dw_strip_of(int pixels, const csep_depthwise_job *job, const real *x, const real *w,
                        real *a, const lanes *sel, int64_t col, const int TAPS, const int S,
                        const int mode)
{
    switch (pixels) {
    case 1: dw_strip(job, x, w, a, sel, col, 1, TAPS, S, mode); break;
    case 2: dw_strip(job, x, w, a, sel, col, 2, TAPS, S, mode); break;
    case 3: dw_strip(job, x, w, a, sel, col, 3, TAPS, S, mode); break;
    case 4: dw_strip(job, x, w, a, sel, col, 4, TAPS, S, mode); break;
    case 5: dw_strip(job, x, w, a, sel, col, 5, TAPS, S, mode); break;
    case 6: dw_strip(job, x, w, a, sel, col, 6, TAPS, S, mode); break;
    case 7: dw_strip(job, x, w, a, sel, col, 7, TAPS, S, mode); break;
    default: dw_strip(job, x, w, a, sel, col, 8, TAPS, S, mode); break;
    }
}

/* One vector of channels along the whole run, in strips of nearly equal length. */
INLINE void dw_run(const csep_depthwise_job *job, const real *x, const real *w, real *a,
                   const lanes *sel, const int TAPS, const int S, const int expand)
{
    const int64_t strips = (job->pixels + STRIP - 1) / STRIP;
    const int64_t shorter = job->pixels / strips;
    const int64_t longer = job->pixels % strips; /* this many strips have one pixel more */
    const int64_t reach = (job->taps - 1) * job->dilation;

    int64_t col = job->first_col;
    for (int64_t s = 0; s < strips; s++) {
        const int64_t pixels = shorter + (s < longer);
        const int64_t last = col + (pixels - 1) * job->stride + reach;
        if (expand)
            dw_strip_of((int)pixels, job, x, w, a, sel, col, TAPS, S, EXPAND);
        else if (sel->count == VL && col >= 0 && last < job->width)
            dw_strip_of((int)pixels, job, x, w, a, sel, col, TAPS, S, WHOLE);
        else
            dw_strip_of((int)pixels, job, x, w, a, sel, col, TAPS, S, PARTIAL);
        a += pixels * VL;
        col += pixels * job->stride;
    }
}

INLINE void dw_job(const csep_depthwise_job *job, const int TAPS, const int S)
{
    const int64_t m = job->multiplier;
    const int64_t end = job->channel + job->channels;
    const real *w = job->w;
    const int32_t *lane = job->lane;
    real *a = job->a;

    for (int64_t k = job->channel; k < end; k += VL) {
        const int64_t k_last = k + VL < end ? k + VL - 1 : end - 1;
        const int64_t q = m == 1 ? k : k / m;
        lanes sel;
        sel.count = (int)((m == 1 ? k_last : k_last / m) - q + 1);
        sel.mask = v_mask(sel.count);
        if (m == 1) {
            dw_run(job, job->x + q, w, a, &sel, TAPS, S, 0);
        } else {
            sel.lane = v_index(lane);
            lane += VL;
            dw_run(job, job->x + q, w, a, &sel, TAPS, S, 1);
        }
        w += job->kernel_rows * job->taps * VL;
        a += job->a_step;
    }
}

/* Each instruction set lists those it wants; the others are not compiled. */
static inline void depthwise_3s1(const csep_depthwise_job *job) { dw_job(job, 3, 1); }
static inline void depthwise_3s2(const csep_depthwise_job *job) { dw_job(job, 3, 2); }
static inline void depthwise_5s1(const csep_depthwise_job *job) { dw_job(job, 5, 1); }
static inline void depthwise_5s2(const csep_depthwise_job *job) { dw_job(job, 5, 2); }
static inline void depthwise_7s1(const csep_depthwise_job *job) { dw_job(job, 7, 1); }
static inline void depthwise_any(const csep_depthwise_job *job) { dw_job(job, 0, 0); }
