/* Each operation of isa/vocabulary.h against its meaning, lane by lane, for the instruction set and
 * type that CSEP_VOCABULARY names.  What lies beside p is a page that must not be touched.
 */
#include "testing.h" /* first: it says which functions of the system are wanted */

#include "isa/vocabulary.h"

#if REAL_BITS == 32
typedef uint32_t word;
enum { MANTISSA = 23, LARGEST_EXPONENT = 127 };
#define DTYPE CSEP_F32
#define SCALAR(function) function##f
#else
typedef uint64_t word;
enum { MANTISSA = 52, LARGEST_EXPONENT = 1023 };
#define DTYPE CSEP_F64
#define SCALAR(function) function
#endif

enum { ROUNDS = 20000 };

static word bits_in(real v)
{
    word w;
    memcpy(&w, &v, sizeof w);
    return w;
}

static real real_of(word w)
{
    real v;
    memcpy(&v, &w, sizeof v);
    return v;
}

/* NaNs are all the same. */
static int same(real a, real b) { return bits_in(a) == bits_in(b) || (a != a && b != b); }

/* Any bits, often special or of moderate size. */
static real any_real(void)
{
    const real special[] = {0, (real)-0.0, 1, -1, (real)INFINITY, (real)-INFINITY, (real)NAN};
    switch (draw(0, 3)) {
    case 0: return special[draw(0, 6)];
    case 1: return (real)draw(-1000000, 1000000) / (real)draw(1, 4096);
    case 2: return real_of((word)draw(0, 4096)); /* denormal or 0 */
    default:
        return real_of((word)((uint64_t)draw(0, UINT32_MAX) << 32 | (uint64_t)draw(0, UINT32_MAX)));
    }
}

/* A normal number whose square is one, too. */
static real moderate(void)
{
    const real v = SCALAR(ldexp)((real)draw(1 << 20, 1 << 21), (int)draw(-50, 10));
    return draw(0, 1) ? v : -v;
}

static void each(real *v, real (*make)(void))
{
    for (int i = 0; i < VL; i++)
        v[i] = make();
}

static void check_vec(vec got, const real *expected, const char *what)
{
    real lanes[VL];
    v_store(lanes, got);
    for (int i = 0; i < VL; i++)
        if (!same(lanes[i], expected[i])) {
            printf("FAILED %s: lane %d is %a, not %a\n", what, i, (double)lanes[i],
                   (double)expected[i]);
            failures++;
        }
}

#define CHECK_LANES(result, value)                                                                 \
    do {                                                                                           \
        real expected_[VL];                                                                        \
        for (int i = 0; i < VL; i++)                                                               \
            expected_[i] = (value);                                                                \
        check_vec((result), expected_, #result);                                                   \
    } while (0)

/* Loads and stores, whole and masked, against the end of a page and against its beginning. */
static void memory(void)
{
    for (int at_end = 0; at_end < 2; at_end++)
        for (int from = 0; from <= VL; from++)
            for (int to = from; to <= VL; to++) {
                /* Only lanes from .. to - 1 exist; p points to where lane 0 would be. */
                guarded g = guarded_array(DTYPE, to - from, at_end);
                real *const p = (real *)((uintptr_t)g.data - (uintptr_t)from * sizeof(real));
                fill(DTYPE, g.data, to - from);
                const vmask m = from ? v_mask_range(from, to) : v_mask(to);
                CHECK_LANES(v_load_masked(p, m), i >= from && i < to ? p[i] : 0);
                real numbers[VL];
                each(numbers, any_real);
                if (from == 0 && to < VL) {
                    v_store_first(p, to, v_load(numbers));
                    for (int i = 0; i < to; i++)
                        CHECK(same(p[i], numbers[i]));
                }
                if (to - from == VL) {
                    CHECK_LANES(v_load(p), p[i]);
                    each(numbers, any_real);
                    v_store(p, v_load(numbers));
                    CHECK_LANES(v_load(p), numbers[i]);
                }
                munmap(g.pages, g.bytes);
            }
    v_prefetch_l2(NULL);
    v_prefetch_l2((const char *)(uintptr_t)12345);
    v_prefetch_write(NULL);
    v_prefetch_write((const char *)(uintptr_t)12345);
}

/* fma is rounded once, but for the generic vocabulary: the same in each of its lanes. */
static real fma_of(real a, real b, real c)
{
    const volatile real product = a * b;
    return strcmp(ISA_NAME, "generic") == 0 ? product + c : SCALAR(fma)(a, b, c);
}

static void arithmetic(void)
{
    real a[VL], b[VL], c[VL];
    for (int round = 0; round < ROUNDS; round++) {
        each(a, any_real);
        each(b, any_real);
        each(c, any_real);
        const vec x = v_load(a), y = v_load(b), z = v_load(c);
        CHECK_LANES(v_zero(), 0);
        CHECK_LANES(v_broadcast(a + 1), a[1]);
        CHECK_LANES(v_pin(x), a[i]);
        CHECK_LANES(x + y, a[i] + b[i]);
        CHECK_LANES(x - y, a[i] - b[i]);
        CHECK_LANES(x * y, a[i] * b[i]);
        CHECK_LANES(x / y, a[i] / b[i]);
        CHECK_LANES(v_fma(x, y, z), fma_of(a[i], b[i], c[i]));
        CHECK_LANES(v_min(x, y), a[i] < b[i] ? a[i] : b[i]);
        CHECK_LANES(v_max(x, y), a[i] > b[i] ? a[i] : b[i]);
        CHECK_LANES(v_select(v_less(x, y), y, z), a[i] < b[i] ? b[i] : c[i]);
        CHECK_LANES(v_or(x, y), real_of(bits_in(a[i]) | bits_in(b[i])));
        CHECK_LANES(v_shift_to_exponent(x), real_of(bits_in(a[i]) << MANTISSA));
        CHECK_LANES(v_const(a[0]), a[0]);
    }
}

/* Operations for numbers of moderate size. */
static void exact_arithmetic(void)
{
    real a[VL], b[VL], product[VL];
    for (int round = 0; round < ROUNDS; round++) {
        each(a, moderate);
        each(b, moderate);
        const vec x = v_load(a), y = v_load(b);
        for (int i = 0; i < VL; i++)
            product[i] = a[i] * b[i];
        CHECK_LANES(v_product_error(x, y, v_load(product)), SCALAR(fma)(a[i], b[i], -product[i]));
    }
}

static void powers_of_two(void)
{
    real v[VL], n[VL];
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < VL; i++) {
            v[i] = moderate();
            n[i] = (real)draw(-LARGEST_EXPONENT * 3 / 2, LARGEST_EXPONENT - 80);
        }
        CHECK_LANES(v_scale(v_load(v), v_power(v_load(n))), SCALAR(ldexp)(v[i], (int)n[i]));
        for (int i = 0; i < VL; i++)
            n[i] = (real)draw(-LARGEST_EXPONENT + 1, LARGEST_EXPONENT);
        CHECK_LANES(v_power_of_two(v_load(n)), SCALAR(ldexp)(1, (int)n[i]));
        for (int i = 0; i < VL; i++)
            n[i] = (real)draw((1 - LARGEST_EXPONENT) * EXP_STEPS, LARGEST_EXPONENT * EXP_STEPS) /
                   EXP_STEPS;
        CHECK_LANES(v_power_of_steps(v_load(n) + v_const(STEP_PUSH)), (real)exp2((double)n[i]));
        for (int i = 0; i < VL; i++)
            n[i] = (real)draw(-4000000, 4000000) / 8;
        CHECK_LANES(v_nearest(v_load(n), v_const((real)0.5)), SCALAR(rint)(n[i] / 2));
    }
}

static void lanes(void)
{
    real a[VL], b[VL];
    int32_t index[VL];
    for (int round = 0; round < ROUNDS; round++) {
        each(a, any_real);
        each(b, any_real);
        for (int i = 0; i < VL; i++)
            index[i] = (int32_t)draw(0, VL - 1);
        const vec x = v_load(a), y = v_load(b);
        CHECK_LANES(v_expand(x, v_index(index)), a[index[i]]);
        CHECK_LANES(v_interleave_low(x, y), (i % 2 ? b : a)[i / 2]);
        CHECK_LANES(v_interleave_high(x, y), (i % 2 ? b : a)[VL / 2 + i / 2]);
    }
}

#ifdef HAS_HALF
/* The half nearest to v, ties to even, found among all halves of that sign, which are in order. */
static uint16_t nearest_half(csep_dtype dtype, double v)
{
    const uint16_t sign = signbit(v) ? 0x8000 : 0, infinity = dtype == CSEP_BF16 ? 0x7f80 : 0x7c00;
    const double magnitude = fabs(v);
    uint16_t low = 0, high = infinity; /* low <= magnitude, and high above it or infinity */
    while (high - low > 1) {
        const uint16_t middle = (uint16_t)((low + high) / 2);
        if (widen(dtype, middle) <= magnitude)
            low = middle;
        else
            high = middle;
    }
    /* Infinity begins where the next number would be. */
    const double below = widen(dtype, low), step = below - widen(dtype, low - 1);
    const double above = high == infinity && low ? below + step : widen(dtype, high);
    const double middle = below + (above - below) / 2;
    if (magnitude > middle || (magnitude == middle && low % 2))
        low = high;
    return (uint16_t)(sign | low);
}

static void halves(csep_dtype dtype, vec (*load)(const uint16_t *), void (*store)(uint16_t *, vec))
{
    const uint16_t infinity = dtype == CSEP_BF16 ? 0x7f80 : 0x7c00;
    guarded g = guarded_array(CSEP_F16, VL, 1);
    uint16_t *const p = g.data;
    for (uint32_t first = 0; first < 0x10000; first += VL) {
        for (int i = 0; i < VL; i++)
            p[i] = (uint16_t)(first + (uint32_t)i);
        CHECK_LANES(load(p), (real)widen(dtype, p[i]));
    }
    for (int round = 0; round < ROUNDS; round++) {
        real v[VL];
        for (int i = 0; i < VL; i++) {
            /* Often half-way between two halves, or close. */
            const uint16_t half = (uint16_t)draw(0, infinity - 1);
            const double low = widen(dtype, half), high = widen(dtype, (uint16_t)(half + 1));
            const double tie = isinf(high) ? low : (low + high) / 2;
            v[i] = draw(0, 3) ? nextafterf((float)tie, (float)draw(-1, 1) * 1e38f) : any_real();
            if (draw(0, 4) == 0)
                v[i] = (float)tie;
        }
        store(p, v_load(v));
        for (int i = 0; i < VL; i++) {
            if (v[i] != v[i])
                CHECK((p[i] & 0x7fff) > infinity);
            else
                CHECK(p[i] == (isinf(v[i]) ? (signbit(v[i]) ? 0x8000 : 0) | infinity
                                           : nearest_half(dtype, v[i])));
        }
    }
    munmap(g.pages, g.bytes);
}

static vec load_f16(const uint16_t *p) { return v_load_f16(p); }
static void store_f16(uint16_t *p, vec v) { v_store_f16(p, v); }
static vec load_bf16(const uint16_t *p) { return v_load_bf16(p); }
static void store_bf16(uint16_t *p, vec v) { v_store_bf16(p, v); }
#endif

int main(void)
{
    memory();
    arithmetic();
    exact_arithmetic();
    powers_of_two();
    lanes();
#ifdef HAS_HALF
    halves(CSEP_F16, load_f16, store_f16);
    halves(CSEP_BF16, load_bf16, store_bf16);
#endif
    printf("%s %d-bit: vocabulary, %d failures\n", ISA_NAME, (int)(8 * sizeof(real)), failures);
    return failures != 0;
}
