/* What the libFuzzer targets share: numbers and arrays out of the fuzzer's bytes. */
#ifndef FUZZING_H
#define FUZZING_H

#include "testing.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    if (!init_or_tell())
        exit(2);
    return 0;
}

typedef struct input {
    const uint8_t *at, *end;
} input;

/* The next number of the input from low to high; low at its end. */
static inline int64_t take(input *in, int64_t low, int64_t high)
{
    return in->at < in->end ? low + *in->at++ % (high - low + 1) : low;
}

/* Small, at an edge of what integers or csep hold, or any 64 bits. */
static inline int64_t take_any(input *in)
{
    const uint64_t edges[] = {INT64_MAX, (uint64_t)INT64_MIN, CSEP_MAX_STEP, UINT32_MAX};
    const int64_t way = take(in, 0, 3);
    if (way < 2)
        return take(in, 0, way ? 15 : 3);
    if (way == 2)
        return (int64_t)(edges[take(in, 0, 3)] + (uint64_t)take(in, 0, 2) - 1);
    int64_t value = 0;
    const size_t left = (size_t)(in->end - in->at), count = left < 8 ? left : 8;
    memcpy(&value, in->at, count);
    in->at += count;
    return value;
}

static inline void require(int condition, const char *what)
{
    if (!condition) {
        fprintf(stderr, "%s\n", what);
        abort();
    }
}

/* Room for one array between two pages that must not be touched; there are ARRAYS of them. */
enum { ARRAYS = 16, PAGE = 4096, ROOM = 8 << 20 };

static inline char *room(int number)
{
    static char *rooms[ARRAYS];
    if (!rooms[number]) {
        char *whole = mmap(NULL, ROOM + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        require(whole != MAP_FAILED && mprotect(whole + PAGE, ROOM, PROT_READ | PROT_WRITE) == 0,
                "no memory for the test itself");
        rooms[number] = whole + PAGE;
    }
    return rooms[number];
}

/* An array at an end of its room, out of what is left of the input, over and over. */
static inline void *make_array(const input *in, int number, int64_t bytes)
{
    uint8_t *const start = (uint8_t *)room(number);
    const size_t left = (size_t)(in->end - in->at);
    uint8_t *const array = left % 2 ? start : start + ROOM - bytes;
    for (int64_t i = 0; i < bytes; i++)
        array[i] = left ? in->at[(size_t)i % left] : (uint8_t)i;
    return array;
}

/* Elements of an array with such sides, or -1 where that is more than a test has room for. */
static inline int64_t count(int64_t a, int64_t b, int64_t c, int64_t d)
{
    const double elements = (double)a * (double)b * (double)c * (double)d;
    return a < 0 || b < 0 || c < 0 || d < 0 || elements > 1e6 ? -1 : a * b * c * d;
}

/* NaNs may differ in what they carry: which of two operands wins is the compiler's choice. */
static inline int same(csep_dtype dtype, const void *a, const void *b, int64_t elements)
{
    for (int64_t i = 0; i < elements; i++) {
        if (dtype == CSEP_F64) {
            const double u = ((const double *)a)[i], v = ((const double *)b)[i];
            if (memcmp(&u, &v, sizeof u) != 0 && (u == u || v == v))
                return 0;
        } else if (dtype == CSEP_F32) {
            const float u = ((const float *)a)[i], v = ((const float *)b)[i];
            if (memcmp(&u, &v, sizeof u) != 0 && (u == u || v == v))
                return 0;
        } else {
            const int infinity = dtype == CSEP_F16 ? 0x7c00 : 0x7f80;
            const int u = ((const uint16_t *)a)[i], v = ((const uint16_t *)b)[i];
            if (u != v && ((u & 0x7fff) <= infinity || (v & 0x7fff) <= infinity))
                return 0;
        }
    }
    return 1;
}

#endif
