/* Each kernel of the table by itself, against its contract in kernels/contract.h: random jobs,
 * results to the bit (the contract states the order of summation), arrays against pages that must
 * not be touched.
 *
 *     test_kernels [jobs of each kernel]
 */
#include "testing.h" /* first: it says which functions of the system are wanted */

#include "kernels/dispatch.h"

/* Of the table under test. */
static const csep_kernels *kernels;
static csep_dtype real;
static int64_t vl;

static int64_t blocks_of(int64_t channels) { return (channels + vl - 1) / vl; }

/* c + a * b as the instruction set does it: rounded once, but for the generic kernels. */
static double fma_of(double a, double b, double c)
{
    const int once = strcmp(kernels->name, "generic") != 0;
    if (real == CSEP_F64) {
        const volatile double product = a * b;
        return once ? fma(a, b, c) : product + c;
    }
    const volatile float product = (float)a * (float)b;
    return once ? fmaf((float)a, (float)b, (float)c) : product + (float)c;
}

static double plus(double a, double b) { return real == CSEP_F64 ? a + b : (float)a + (float)b; }

/* Numbers whose sums are rounded. */
static double any_number(void)
{
    const double n = (double)draw(-1000000, 1000000) / 777777;
    return real == CSEP_F64 ? n : (float)n;
}

static void fill_any(csep_dtype dtype, void *array, int64_t count)
{
    for (int64_t i = 0; i < count; i++)
        put(dtype, array, i, dtype == real ? any_number() : small_number());
}

/* An array at one end of its pages. */
static guarded any_array(csep_dtype dtype, int64_t count)
{
    guarded g = guarded_array(dtype, count, (int)draw(0, 1));
    fill_any(dtype, g.data, count);
    return g;
}

static void let_go(guarded g) { munmap(g.pages, g.bytes); }

static csep_activation any_activation(void)
{
    const csep_activation_kind kinds[] = {CSEP_LINEAR, CSEP_RELU, CSEP_RELU6, CSEP_LEAKY_RELU,
                                          CSEP_PRELU};
    return (csep_activation){kinds[draw(0, 4)], 0.25};
}

static double times(double a, double b) { return real == CSEP_F64 ? a * b : (float)a * (float)b; }

/* slopes are those of all channels, as a job has them. */
static double activate(csep_activation activation, const void *slopes, int64_t channel, double v)
{
    switch (activation.kind) {
    case CSEP_RELU: return v > 0 ? v : 0;
    case CSEP_RELU6: return v > 6 ? 6 : v > 0 ? v : 0;
    case CSEP_LEAKY_RELU: return v > 0 ? v : times(activation.alpha, v);
    case CSEP_PRELU: return v > 0 ? v : times(get(real, slopes, channel), v);
    default: return v;
    }
}

/* Whether element i of an array is this number, -0 being 0. */
static int holds(const void *array, int64_t i, double expected)
{
    return get(real, array, i) == expected;
}

static void pack_panel(void)
{
    const int64_t rows = draw(1, 20), columns = draw(1, 3 * vl), step = columns + draw(0, 9);
    const int64_t width = blocks_of(columns) * vl;
    guarded from = any_array(real, (rows - 1) * step + columns);
    guarded to = any_array(real, rows * width);
    kernels->pack_panel(from.data, step, rows, columns, to.data);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < width; column++)
            CHECK(holds(to.data, row * width + column,
                        column < columns ? get(real, from.data, row * step + column) : 0));
    let_go(from);
    let_go(to);
}

/* Outside, channels or pixels lie side by side; inside, channels do. */
static void staging(void)
{
    const csep_dtype halves[] = {CSEP_F32, CSEP_F16, CSEP_BF16};
    const int planes = (int)draw(0, 1);
    csep_convert_job job = {.dtype = real == CSEP_F64 ? CSEP_F64 : halves[draw(0, 2)],
                            .pixels = draw(1, 3 * vl),
                            .channels = draw(1, 3 * vl)};
    job.channel_step = planes ? job.pixels + draw(0, 5) : 1;
    job.pixel_step = planes ? 1 : job.channels + draw(0, 5);
    if (planes && job.channel_step == 1)
        job.channel_step = 2;
    job.inside_step = job.channels + draw(0, 3);
    const int64_t out_count =
        (job.pixels - 1) * job.pixel_step + (job.channels - 1) * job.channel_step + 1;
    const int64_t in_count = (job.pixels - 1) * job.inside_step + job.channels;
    guarded outside = guarded_array(job.dtype, out_count, (int)draw(0, 1));
    fill(job.dtype, outside.data, out_count);
    guarded inside = any_array(real, in_count), back = guarded_array(job.dtype, out_count, 1);
    memcpy(back.data, outside.data, (size_t)(out_count * bytes_of(job.dtype)));
    void *const before = malloc((size_t)(in_count * bytes_of(real)));
    memcpy(before, inside.data, (size_t)(in_count * bytes_of(real)));
    kernels->load_staged(&job, outside.data, inside.data);
    for (int64_t i = 0; i < in_count; i++) {
        const int64_t pixel = i / job.inside_step, channel = i % job.inside_step;
        const int64_t from = pixel * job.pixel_step + channel * job.channel_step;
        CHECK(holds(inside.data, i,
                    channel < job.channels ? get(job.dtype, outside.data, from)
                                           : get(real, before, i))); /* a gap is left alone */
    }
    kernels->store_staged(&job, inside.data, back.data);
    CHECK(memcmp(back.data, outside.data, (size_t)(out_count * bytes_of(job.dtype))) == 0);
    free(before);
    let_go(outside);
    let_go(inside);
    let_go(back);
}

/* The input and the output of a first-stage job. */
typedef struct stage {
    csep_stage_job job;
    csep_line lines[4];
    guarded x, a, residual;
    int64_t x_rows, channels_in;
} stage;

/* Some output rows whose kernel may reach beyond the input on each side.  `inputs` channels lie in
 * the input from first_channel on. */
static stage any_stage(int64_t taps, int64_t stride, int64_t inputs)
{
    stage s = {.channels_in = inputs, .x_rows = draw(1, 8)};
    csep_stage_job *j = &s.job;
    j->lines = draw(1, 4);
    j->kernel_rows = draw(1, 5);
    j->taps = taps ? taps : draw(1, 6);
    j->stride = taps ? stride : draw(1, 3);
    j->dilation = taps ? 1 : draw(1, 3);
    j->col_step = inputs;
    j->width = draw(1, 12);
    j->pixels = draw(1, 20);
    j->first_col = draw(-6, 3);
    j->row_step = j->width * j->col_step;
    j->ahead = (const void *)(uintptr_t)draw(0, 1 << 20);
    j->ahead_count = draw(1, 1000);
    j->claim_a = (int)draw(0, 1);
    s.x = any_array(real, s.x_rows * j->row_step);
    for (int64_t i = 0; i < j->lines; i++) {
        /* Rows row .. row + rows - 1 of x lie under kernel rows skip .. */
        const int64_t row = draw(0, s.x_rows - 1);
        int64_t rows = draw(0, s.x_rows - row);
        rows = rows < j->kernel_rows ? rows : j->kernel_rows;
        s.lines[i] = (csep_line){(const char *)s.x.data + row * j->row_step * bytes_of(real), rows,
                                 draw(0, j->kernel_rows - rows)};
    }
    return s;
}

static void release(const stage *s)
{
    let_go(s->x);
    let_go(s->a);
    let_go(s->residual);
}

/* x under a tap of a pixel of a line; 0 outside, and whether it is inside. */
static double under(const stage *s, int64_t line, int64_t pixel, int64_t di, int64_t dj, int64_t q,
                    int *inside)
{
    const csep_stage_job *j = &s->job;
    const csep_line *l = &s->lines[line];
    const int64_t row = di - l->skip;
    const int64_t column = j->first_col + pixel * j->stride + dj * j->dilation;
    *inside = row >= 0 && row < l->rows && column >= 0 && column < j->width;
    return *inside ? get(real, l->x, row * j->row_step + column * j->col_step + q) : 0;
}

/* Packed weights, their bias and lanes for `channels` outputs from channel 0 on. */
typedef struct taps_of {
    guarded w, bias;
    int32_t *lane;
} taps_of;

static taps_of any_taps(csep_stage_job *j, int64_t channels)
{
    const int64_t blocks = blocks_of(channels);
    j->w_period = draw(0, 1) ? blocks : draw(1, blocks);
    taps_of t = {any_array(real, j->w_period * j->kernel_rows * j->taps * vl),
                 any_array(real, blocks * vl), malloc((size_t)(blocks * vl) * sizeof(int32_t))};
    for (int64_t k = 0; k < blocks * vl; k++)
        t.lane[k] = (int32_t)(k / j->multiplier - k / vl * vl / j->multiplier);
    j->w = t.w.data;
    j->bias = t.bias.data;
    j->lane = t.lane;
    return t;
}

static double depthwise_value(const stage *s, int64_t line, int64_t pixel, int64_t k)
{
    const csep_stage_job *j = &s->job;
    const int64_t q = k / j->multiplier - j->first_channel;
    const int64_t block = k / vl % j->w_period;
    double sum = 0;
    for (int64_t di = 0; di < j->kernel_rows; di++)
        for (int64_t dj = 0; dj < j->taps; dj++) {
            int inside;
            const double x = under(s, line, pixel, di, dj, q, &inside);
            const int64_t at = ((block * j->kernel_rows + di) * j->taps + dj) * vl + k % vl;
            if (inside)
                sum = fma_of(x, get(real, j->w, at), sum);
        }
    return plus(sum, get(real, j->bias, k));
}

/* Where output k of a pixel lies, from a on. */
static int64_t place_in_a(const csep_stage_job *j, int64_t line, int64_t pixel, int64_t k)
{
    return (k - j->channel) / vl * j->a_step + line * j->line_step + pixel * j->pixel_step + k % vl;
}

/* The layout of a: channel blocks one after the other as a product wants them, or pixels of all
 * channels as the caller's array has them. */
static void lay_out_a(stage *s, int blocked)
{
    csep_stage_job *j = &s->job;
    const int64_t blocks = blocks_of(j->channels), gap = draw(0, 3) * (blocked ? vl : 1);
    j->whole_vectors = blocked || (j->channels % vl == 0 && draw(0, 1));
    j->pixel_step = blocked ? vl : j->channels + gap;
    j->line_step = j->pixels * j->pixel_step;
    j->a_step = blocked ? j->lines * j->line_step + gap : vl;
    const int64_t count = blocked ? (blocks - 1) * j->a_step + j->lines * j->line_step
                                  : j->lines * j->line_step - gap;
    s->a = any_array(real, count);
    s->residual = any_array(real, count);
    j->a = s->a.data;
    j->residual = blocked || draw(0, 1) ? NULL : s->residual.data;
    j->line = s->lines;
}

static void depthwise(const csep_depthwise_entry *entry)
{
    const int64_t m = draw(0, 1) ? 1 : draw(2, 2 * vl);
    const int64_t first = draw(0, 2) * vl, channels = draw(1, 10 * vl);
    /* Input channels under these outputs, and some before them. */
    const int64_t low = first / m, high = (first + channels - 1) / m, before = draw(0, low);
    stage s = any_stage(entry->taps, entry->stride, high + 1 - (low - before) + draw(0, 2));
    csep_stage_job *j = &s.job;
    j->multiplier = m;
    j->first_channel = low - before;
    j->channel = first;
    j->channels = channels;
    j->activation = any_activation();
    lay_out_a(&s, (int)draw(0, 1));
    taps_of taps = any_taps(j, first + channels);
    guarded slopes = any_array(real, blocks_of(first + channels) * vl);
    j->slopes = j->activation.kind == CSEP_PRELU ? slopes.data : NULL;
    entry->run(j);
    for (int64_t line = 0; line < j->lines; line++)
        for (int64_t pixel = 0; pixel < j->pixels; pixel++)
            for (int64_t k = first; k < first + channels; k++) {
                const int64_t at = place_in_a(j, line, pixel, k);
                double sum = depthwise_value(&s, line, pixel, k);
                if (j->residual)
                    sum = plus(sum, get(real, j->residual, at));
                CHECK(holds(j->a, at, activate(j->activation, j->slopes, k, sum)));
            }
    release(&s);
    let_go(taps.w);
    let_go(taps.bias);
    let_go(slopes);
    free(taps.lane);
}

/* An array of vectors, each of which repeats `period` numbers. */
static guarded repeated_array(int64_t vectors, int64_t period)
{
    guarded g = any_array(real, vectors * vl);
    for (int64_t i = 0; i < vectors * vl; i++)
        put(real, g.data, i, get(real, g.data, i / vl * vl + i % vl % period));
    return g;
}

static void depthwise_flat(void)
{
    const int64_t c = draw(1, vl / 2);
    stage s = any_stage(0, 0, c);
    csep_stage_job *j = &s.job;
    j->pixels = draw(1, 12 * vl);
    j->width = draw(1, 12 * vl);
    j->row_step = j->width * c;
    let_go(s.x);
    s.x = any_array(real, s.x_rows * j->row_step);
    for (int64_t i = 0; i < j->lines; i++) {
        const int64_t row = draw(0, s.x_rows - s.lines[i].rows);
        s.lines[i].x = (const char *)s.x.data + row * j->row_step * bytes_of(real);
    }
    j->line = s.lines;
    j->stride = j->multiplier = j->w_period = 1;
    j->channels = j->pixel_step = c;
    j->line_step = j->pixels * c + draw(0, 5);
    j->activation = any_activation();
    guarded w = repeated_array(j->kernel_rows * j->taps, c), bias = repeated_array(1, c);
    guarded slopes = repeated_array(1, c);
    j->w = w.data;
    j->bias = bias.data;
    j->slopes = slopes.data;
    const int64_t count = (j->lines - 1) * j->line_step + j->pixels * c;
    s.a = any_array(real, count);
    s.residual = any_array(real, count);
    j->a = s.a.data;
    j->residual = draw(0, 1) ? s.residual.data : NULL;
    void *const before = malloc((size_t)(count * bytes_of(real)));
    memcpy(before, s.a.data, (size_t)(count * bytes_of(real)));
    kernels->depthwise_flat(j);
    for (int64_t i = 0; i < count; i++) {
        const int64_t line = i / j->line_step, pixel = i % j->line_step / c,
                      k = i % j->line_step % c;
        double sum = get(real, before, i);
        if (pixel < j->pixels) {
            sum = depthwise_value(&s, line, pixel, k);
            sum = j->residual ? plus(sum, get(real, j->residual, i)) : sum;
            sum = activate(j->activation, j->slopes, k, sum);
        }
        CHECK(holds(j->a, i, sum)); /* a gap is left alone */
    }
    free(before);
    let_go(w);
    let_go(bias);
    let_go(slopes);
    release(&s);
}

static void im2col(void)
{
    const int64_t c = draw(1, 2 * vl + 1);
    stage s = any_stage(0, 0, c + draw(0, 5)); /* a group of the input's channels, or all */
    csep_stage_job *j = &s.job;
    const int64_t total = j->kernel_rows * j->taps * c;
    j->in_channels = c;
    j->channel = draw(0, blocks_of(total) - 1) * vl;
    j->channels = draw(1, total - j->channel);
    lay_out_a(&s, 1);
    kernels->im2col(j);
    for (int64_t line = 0; line < j->lines; line++)
        for (int64_t pixel = 0; pixel < j->pixels; pixel++)
            for (int64_t k = j->channel; k < j->channel + j->channels; k++) {
                int inside;
                const int64_t tap = k / c;
                const double x =
                    under(&s, line, pixel, tap / j->taps, tap % j->taps, k % c, &inside);
                CHECK(holds(j->a, place_in_a(j, line, pixel, k), x));
            }
    release(&s);
}

/* Row k and column of B, packed in panels or strided. */
static double b_value(const csep_pointwise_job *j, int64_t k, int64_t column)
{
    if (j->b_step)
        return get(real, j->b, k * j->b_step + column);
    const int64_t width = j->panel_vectors * vl, panel = column / width;
    const int64_t left = j->columns - panel * width;
    const int64_t own = left < width ? blocks_of(left) * vl : width;
    return get(real, j->b, panel * width * j->k_total + k * own + column % width);
}

/* Row of A, counted through the lines, and channel, counted through the taps. */
static double a_value(const csep_pointwise_job *j, int64_t row, int64_t k)
{
    const int64_t start =
        row / j->rows * j->a_line + row % j->rows * j->a_row + k / j->k * j->a_tap;
    return get(real, j->a, start + k % j->k / vl * j->a_step + k % j->k % vl);
}

/* The sum of a chunk from this k on. */
static double chunk_of(const csep_pointwise_job *j, int64_t row, int64_t column, int64_t k,
                       int64_t depth)
{
    const int64_t end = k + CSEP_SUM_CHUNK < depth ? k + CSEP_SUM_CHUNK : depth;
    double sum = 0;
    for (; k < end; k++)
        sum = fma_of(a_value(j, row, k), b_value(j, j->k_first + k, column), sum);
    return sum;
}

static void pointwise(void)
{
    const int64_t most_rows = 3 * kernels->mr[1];
    csep_pointwise_job j = {.rows = draw(1, most_rows),
                            .lines = draw(1, 3),
                            .taps = draw(0, 1) ? 1 : draw(1, 4),
                            .k = draw(0, 1) ? draw(1, 4 * vl) : draw(1, 3 * CSEP_SUM_CHUNK),
                            .k_first = draw(0, 2) * CSEP_SUM_CHUNK,
                            .columns = draw(1, 5 * vl),
                            .panel_vectors = draw(1, CSEP_MAX_PANEL_VECTORS),
                            .continues = (int)draw(0, 1),
                            .finish = (int)draw(0, 1),
                            .activation = any_activation()};
    const int in_place = (int)draw(0, 1);
    if (!in_place)
        j.taps = 1;
    const int64_t depth = j.taps * j.k;
    j.k_total = j.k_first + depth + draw(0, vl);
    const int64_t padded = blocks_of(j.columns) * vl;
    j.b_step = draw(0, 2) ? 0 : padded + draw(0, 5);
    j.panels_outer = !j.b_step && draw(0, 1);
    j.a_row = in_place ? draw(1, 2 * vl) : vl; /* rows may overlap */
    j.a_step = in_place ? vl : j.rows * vl + draw(0, 2) * vl;
    j.a_line = draw(0, 2) * j.a_row;
    j.a_tap = draw(0, 2) * j.a_row;
    j.ldc = j.columns + draw(0, 5);
    const int64_t rows = j.lines * j.rows;
    const int64_t b_count = j.b_step ? (j.k_total - 1) * j.b_step + padded : j.k_total * padded;
    const int64_t c_count = (rows - 1) * j.ldc + j.columns;
    const int64_t before_last = (j.rows - 1) * j.a_row + (j.lines - 1) * j.a_line +
                                (j.taps - 1) * j.a_tap + (blocks_of(j.k) - 1) * (j.a_step - vl);
    guarded a = any_array(real, before_last + j.k);
    guarded b = any_array(real, b_count), bias = any_array(real, padded);
    guarded slopes = any_array(real, padded);
    guarded c = any_array(real, c_count), residual = any_array(real, c_count);
    void *const before = malloc((size_t)(c_count * bytes_of(real)));
    memcpy(before, c.data, (size_t)(c_count * bytes_of(real)));
    j.a = a.data;
    j.b = b.data;
    j.bias = j.finish ? bias.data : NULL;
    j.slopes = j.activation.kind == CSEP_PRELU ? slopes.data : NULL;
    j.c = c.data;
    j.residual = draw(0, 1) ? residual.data : NULL;
    if (draw(0, 1)) { /* only asked for, wherever it is */
        j.ahead = (const void *)(uintptr_t)draw(0, 1 << 20);
        j.ahead_count = draw(1, 1000);
        j.ahead_step = draw(1, 1000);
        j.claim_c = (int)draw(0, 1);
    }
    kernels->pointwise(&j);
    for (int64_t i = 0; i < c_count; i++) {
        const int64_t row = i / j.ldc, column = i % j.ldc;
        double sum = get(real, before, i);
        if (column < j.columns) {
            for (int64_t k = 0; k < depth; k += CSEP_SUM_CHUNK) {
                const double chunk = chunk_of(&j, row, column, k, depth);
                sum = k || j.continues ? plus(sum, chunk) : chunk;
            }
            if (j.finish)
                sum = plus(sum, get(real, bias.data, column));
            if (j.finish && j.residual)
                sum = plus(sum, get(real, residual.data, i));
            sum = j.finish ? activate(j.activation, j.slopes, column, sum) : sum;
        }
        CHECK(holds(c.data, i, sum)); /* a gap is left alone */
    }
    free(before);
    let_go(a);
    let_go(b);
    let_go(bias);
    let_go(slopes);
    let_go(c);
    let_go(residual);
}

static long double logistic(long double v) { return 1 / (1 + expl(-v)); }

static long double approximated(csep_activation_kind kind, long double v)
{
    const long double ramp = fminl(fmaxl(v + 3, 0), 6) / 6, pi = acosl(-1);
    switch (kind) {
    case CSEP_ELU: return v > 0 ? v : expm1l(v);
    case CSEP_SIGMOID: return logistic(v);
    case CSEP_TANH: return tanhl(v);
    case CSEP_SILU: return v * logistic(v);
    case CSEP_HARD_SIGMOID: return ramp;
    case CSEP_HARD_SILU: return v * ramp;
    case CSEP_GELU: return v * erfcl(-v / sqrtl(2)) / 2;
    case CSEP_CLIPPED_RELU: return fminl(fmaxl(v, 0), 1);
    case CSEP_SELU: {
        const long double scale = 1.05070098735548049342L, alpha = 1.67326324235437728482L;
        return scale * (v > 0 ? v : alpha * expm1l(v));
    }
    case CSEP_MISH: return v * tanhl(log1pl(expl(v)));
    case CSEP_SOFTPLUS: return log1pl(expl(v));
    default: return v * logistic(2 * sqrtl(2 / pi) * (v + 0.044715L * v * v * v));
    }
}

/* The activations that are approximated, within 4 units in the last place, as the end of a product
 * of 0 with 0 whose bias is v. */
static void approximations(void)
{
    enum { LANES = 16 }; /* no fewer than any vector has */
    double zero[LANES] = {0}, v[LANES] = {0}, c[LANES] = {0};
    const csep_activation_kind kind = (csep_activation_kind)draw(CSEP_ELU, CSEP_SOFTPLUS);
    for (int i = 0; i < LANES; i++)
        put(real, v, i, (double)draw(-12000000, 12000000) / 1e6);
    const csep_pointwise_job job = {.a = zero,
                                    .a_step = vl,
                                    .a_row = vl,
                                    .k = 1,
                                    .k_total = 1,
                                    .rows = 1,
                                    .lines = 1,
                                    .taps = 1,
                                    .b = zero,
                                    .bias = v,
                                    .c = c,
                                    .ldc = vl,
                                    .columns = vl,
                                    .panel_vectors = 1,
                                    .finish = 1,
                                    .activation = {kind, 1}};
    kernels->pointwise(&job);
    for (int i = 0; i < vl; i++) {
        const long double exact = approximated(kind, get(real, v, i));
        const long double unit = real == CSEP_F64 ? 0x1p-52L : 0x1p-23L;
        const long double denormal = real == CSEP_F64 ? 0x1p-1074L : 0x1p-149L;
        CHECK(fabsl(get(real, c, i) - exact) <= 4 * unit * fabsl(exact) + denormal);
    }
}

/* Numbers whose sums are exact: the order does not matter. */
static guarded small_array(int64_t count)
{
    guarded g = guarded_array(real, count, (int)draw(0, 1));
    fill(real, g.data, count);
    return g;
}

static void tap_gradient(void)
{
    const int flat = (int)draw(0, 1);
    const int64_t m = flat || draw(0, 1) ? 1 : draw(2, 2 * vl);
    const int64_t inputs = flat ? draw(1, vl / 2) : draw(1, 3 * vl), channels = inputs * m;
    stage s = any_stage(0, 0, inputs + (flat ? 0 : draw(0, 3)));
    csep_stage_job *j = &s.job;
    const int64_t together = flat ? vl / inputs : 1, lanes = channels * together;
    const int64_t taps = j->kernel_rows * j->taps;
    if (flat)
        j->stride = 1;
    fill(real, s.x.data, s.x_rows * j->row_step);
    j->multiplier = m;
    taps_of lane = any_taps(j, channels);
    const int64_t du_pixel = channels + (flat ? 0 : draw(0, 3));
    const int64_t du_line = j->pixels * du_pixel, dw_step = lanes + draw(0, 2);
    guarded du = small_array((j->lines - 1) * du_line + (j->pixels - 1) * du_pixel + channels);
    guarded dw = small_array((taps - 1) * dw_step + lanes);
    double *const sums = malloc((size_t)(taps * channels) * sizeof *sums);
    for (int64_t i = 0; i < taps * channels; i++) {
        sums[i] = 0;
        for (int64_t l = 0; l < together; l++)
            sums[i] += get(real, dw.data, i / channels * dw_step + l * channels + i % channels);
    }
    const csep_tap_gradient_job job = {s.lines,      j->lines,  j->row_step, j->col_step, j->width,
                                       j->first_col, j->stride, j->dilation, j->taps,     m,
                                       j->lane,      channels,  together,    j->pixels,   du.data,
                                       du_pixel,     du_line,   dw.data,     dw_step};
    kernels->tap_gradient(&job);
    for (int64_t i = 0; i < taps * channels; i++) {
        const int64_t tap = i / channels, k = i % channels;
        double got = 0;
        int inside;
        for (int64_t l = 0; l < together; l++)
            got += get(real, dw.data, tap * dw_step + l * channels + k);
        for (int64_t line = 0; line < j->lines; line++)
            for (int64_t p = 0; p < j->pixels; p++)
                sums[i] += under(&s, line, p, tap / j->taps, tap % j->taps, k / m, &inside) *
                           get(real, du.data, line * du_line + p * du_pixel + k);
        CHECK(got == sums[i]);
    }
    free(sums);
    free(lane.lane);
    let_go(lane.w);
    let_go(lane.bias);
    let_go(du);
    let_go(dw);
    let_go(s.x);
}

static void fold(void)
{
    csep_fold_job job = {.pixels = draw(1, 9), .channels = draw(1, 3 * vl)};
    job.multiplier = draw(0, 1) ? draw(1, 2) : draw(1, 9);
    job.to_step = job.channels + draw(0, 5);
    guarded from = any_array(real, job.pixels * job.channels * job.multiplier);
    guarded to = any_array(real, (job.pixels - 1) * job.to_step + job.channels);
    job.from = from.data;
    job.to = to.data;
    kernels->fold(&job);
    for (int64_t i = 0; i < job.pixels * job.channels; i++) {
        double sum = get(real, from.data, i * job.multiplier);
        for (int64_t k = 1; k < job.multiplier; k++)
            sum = plus(sum, get(real, from.data, i * job.multiplier + k));
        CHECK(holds(to.data, i / job.channels * job.to_step + i % job.channels, sum));
    }
    let_go(from);
    let_go(to);
}

static void transpose(void)
{
    csep_transpose_job job = {.blocks = draw(1, 4), .pixels = draw(1, 3 * vl)};
    const int64_t pixel_blocks = blocks_of(job.pixels);
    job.from_step = (job.pixels + draw(0, 3)) * vl;
    job.to_step = (job.blocks + draw(0, 2)) * vl * vl;
    guarded from = any_array(real, (job.blocks - 1) * job.from_step + job.pixels * vl);
    guarded to = any_array(real, (pixel_blocks - 1) * job.to_step + job.blocks * vl * vl);
    job.from = from.data;
    job.to = to.data;
    kernels->transpose(&job);
    for (int64_t k = 0; k < job.blocks * vl; k++)
        for (int64_t pixel = 0; pixel < pixel_blocks * vl; pixel++) {
            const int64_t at = pixel / vl * job.to_step + k * vl + pixel % vl;
            const int64_t source = k / vl * job.from_step + pixel * vl + k % vl;
            CHECK(holds(to.data, at, pixel < job.pixels ? get(real, from.data, source) : 0));
        }
    let_go(from);
    let_go(to);
}

/* The derivatives that are exact; tests/functional compares the others with differences. */
static void activation_gradient(void)
{
    csep_activation_gradient_job job = {.pixels = draw(1, 5), .channels = draw(1, 6 * vl)};
    job.activation = any_activation();
    job.sum_step = job.channels + draw(0, 3);
    job.dy_step = job.channels + draw(0, 3);
    const int in_place = (int)draw(0, 1);
    job.ds_step = in_place ? job.sum_step : job.channels + draw(0, 3);
    guarded sum = any_array(real, (job.pixels - 1) * job.sum_step + job.channels);
    guarded dy = any_array(real, (job.pixels - 1) * job.dy_step + job.channels);
    guarded ds = any_array(real, (job.pixels - 1) * job.ds_step + job.channels);
    guarded before = any_array(real, (job.pixels - 1) * job.sum_step + job.channels);
    guarded slopes = any_array(real, blocks_of(job.channels) * vl);
    memcpy(before.data, sum.data,
           (size_t)(((job.pixels - 1) * job.sum_step + job.channels) * bytes_of(real)));
    job.sum = sum.data;
    job.dy = dy.data;
    job.ds = in_place ? sum.data : ds.data;
    job.slopes = slopes.data;
    kernels->activation_gradient(&job);
    for (int64_t i = 0; i < job.pixels * job.channels; i++) {
        const int64_t pixel = i / job.channels, c = i % job.channels;
        const double v = get(real, before.data, pixel * job.sum_step + c);
        double slope = 1;
        switch (job.activation.kind) {
        case CSEP_RELU: slope = v > 0; break;
        case CSEP_RELU6: slope = v > 0 && v < 6; break;
        case CSEP_LEAKY_RELU: slope = v > 0 ? 1 : job.activation.alpha; break;
        case CSEP_PRELU: slope = v < 0 ? get(real, slopes.data, c) : 1; break;
        default: break;
        }
        CHECK(holds(job.ds, pixel * job.ds_step + c,
                    times(slope, get(real, dy.data, pixel * job.dy_step + c))));
    }
    let_go(sum);
    let_go(dy);
    let_go(ds);
    let_go(before);
    let_go(slopes);
}

int main(int argc, char **argv)
{
    const int jobs = argc > 1 ? atoi(argv[1]) : 1000;
    if (!init_or_tell())
        return 2;
    int entries = 0;
    for (real = CSEP_F32; real <= CSEP_F64; real++) {
        kernels = csep_active_kernels(real);
        vl = kernels->vl;
        CHECK(kernels->size == bytes_of(real));
        for (int i = 0; i < jobs; i++) {
            pack_panel();
            staging();
            im2col();
            depthwise_flat();
            pointwise();
            approximations();
            tap_gradient();
            fold();
            transpose();
            activation_gradient();
            const csep_depthwise_entry *entry = kernels->depthwise;
            do {
                depthwise(entry);
                entries += i == 0;
            } while ((entry++)->taps);
        }
    }
    printf("%s: %d jobs of each kernel, %d of them depthwise, %d failures\n", csep_isa(), jobs,
           entries, failures);
    return failures != 0;
}
