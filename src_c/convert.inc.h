/* Between arrays of any dtype and layout outside and rows of real inside, pixels by channels.
 * Where channels are not side by side outside, pixels are: VL by VL blocks are transposed. */

INLINE vec load_as(const csep_dtype dtype, const void *p, int64_t element)
{
#ifdef HAS_HALF
    if (dtype == CSEP_F16)
        return v_load_f16((const uint16_t *)p + element);
    if (dtype == CSEP_BF16)
        return v_load_bf16((const uint16_t *)p + element);
#endif
    (void)dtype;
    return v_load((const real *)p + element);
}

INLINE void store_as(const csep_dtype dtype, void *p, int64_t element, vec v)
{
#ifdef HAS_HALF
    if (dtype == CSEP_F16) {
        v_store_f16((uint16_t *)p + element, v);
        return;
    }
    if (dtype == CSEP_BF16) {
        v_store_bf16((uint16_t *)p + element, v);
        return;
    }
#endif
    (void)dtype;
    v_store((real *)p + element, v);
}

INLINE int bytes_of(const csep_dtype dtype)
{
    return dtype == CSEP_F16 || dtype == CSEP_BF16 ? 2 : (int)sizeof(real);
}

/* The first count < VL elements; through a whole vector of memory, so nothing beside is touched. */
INLINE vec load_some_as(const csep_dtype dtype, const void *p, int64_t element, int64_t count)
{
    char whole[VL * sizeof(real)] = {0};
    const int size = bytes_of(dtype);
    memcpy(whole, (const char *)p + element * size, (size_t)(count * size));
    return load_as(dtype, whole, 0);
}

INLINE void store_some_as(const csep_dtype dtype, void *p, int64_t element, int64_t count, vec v)
{
    char whole[VL * sizeof(real)];
    const int size = bytes_of(dtype);
    store_as(dtype, whole, 0, v);
    memcpy((char *)p + element * size, whole, (size_t)(count * size));
}

INLINE vec load_up_to(const csep_dtype dtype, const void *p, int64_t element, int64_t count)
{
    return count >= VL ? load_as(dtype, p, element) : load_some_as(dtype, p, element, count);
}

INLINE void store_up_to(const csep_dtype dtype, void *p, int64_t element, int64_t count, vec v)
{
    if (count >= VL)
        store_as(dtype, p, element, v);
    else
        store_some_as(dtype, p, element, count, v);
}

/* Interleaving the upper with the lower half log2(VL) times turns rows into columns. */
INLINE void transpose(vec *rows)
{
    UNROLL
    for (int round = 1; round < VL; round *= 2) {
        vec next[VL];
        UNROLL
        for (int i = 0; i < VL / 2; i++) {
            next[2 * i] = v_interleave_low(rows[i], rows[i + VL / 2]);
            next[2 * i + 1] = v_interleave_high(rows[i], rows[i + VL / 2]);
        }
        UNROLL
        for (int i = 0; i < VL; i++)
            rows[i] = next[i];
    }
}

/* A block of VL rows and columns in registers. */
INLINE void turn_block(const csep_dtype from_dtype, const void *from, int64_t from_step,
                       const csep_dtype to_dtype, void *to, int64_t to_step)
{
    vec block[VL];
    UNROLL
    for (int i = 0; i < VL; i++)
        block[i] = load_as(from_dtype, from, i * from_step);
    transpose(block);
    UNROLL
    for (int i = 0; i < VL; i++)
        store_as(to_dtype, to, i * to_step, block[i]);
}

/* The rest at an edge. */
INLINE void turn_edge(const csep_dtype from_dtype, const void *from, int64_t from_step,
                      const csep_dtype to_dtype, void *to, int64_t to_step, int64_t rows,
                      int64_t columns)
{
    char whole[VL * VL * sizeof(real)] = {0}, turned[VL * VL * sizeof(real)];
    const int64_t from_size = bytes_of(from_dtype), to_size = bytes_of(to_dtype);
    for (int64_t i = 0; i < rows; i++)
        memcpy(whole + i * VL * from_size, (const char *)from + i * from_step * from_size,
               (size_t)(columns * from_size));
    turn_block(from_dtype, whole, VL, to_dtype, turned, VL);
    for (int64_t i = 0; i < columns; i++)
        memcpy((char *)to + i * to_step * to_size, turned + i * VL * to_size,
               (size_t)(rows * to_size));
}

/* Converts row_count rows of column_count elements into as many columns. */
INLINE void turn(const csep_dtype from_dtype, const void *from, int64_t from_step,
                 const csep_dtype to_dtype, void *to, int64_t to_step, int64_t row_count,
                 int64_t column_count)
{
    for (int64_t column = 0; column < column_count; column += VL) {
        for (int64_t row = 0; row < row_count; row += VL) {
            const int64_t rows = row_count - row < VL ? row_count - row : VL;
            const int64_t columns = column_count - column < VL ? column_count - column : VL;
            const void *block =
                (const char *)from + (row * from_step + column) * bytes_of(from_dtype);
            void *turned = (char *)to + (column * to_step + row) * bytes_of(to_dtype);
            if (rows == VL && columns == VL)
                turn_block(from_dtype, block, from_step, to_dtype, turned, to_step);
            else
                turn_edge(from_dtype, block, from_step, to_dtype, turned, to_step, rows, columns);
        }
    }
}

/* Converts rows into rows. */
INLINE void copy(const csep_dtype from_dtype, const void *from, int64_t from_step,
                 const csep_dtype to_dtype, void *to, int64_t to_step, int64_t rows,
                 int64_t columns)
{
    for (int64_t row = 0; row < rows; row++)
        for (int64_t column = 0; column < columns; column += VL) {
            const int64_t count = columns - column;
            const vec v = load_up_to(from_dtype, from, row * from_step + column, count);
            store_up_to(to_dtype, to, row * to_step + column, count, v);
        }
}

#define REAL_DTYPE (sizeof(real) == 8 ? CSEP_F64 : CSEP_F32)

INLINE void bring_in_as(const csep_dtype dtype, const csep_convert_job *job, const void *outside,
                        void *inside)
{
    if (job->channel_step == 1)
        copy(dtype, outside, job->pixel_step, REAL_DTYPE, inside, job->inside_step, job->pixels,
             job->channels);
    else
        turn(dtype, outside, job->channel_step, REAL_DTYPE, inside, job->inside_step, job->channels,
             job->pixels);
}

INLINE void take_out_as(const csep_dtype dtype, const csep_convert_job *job, const void *inside,
                        void *outside)
{
    if (job->channel_step == 1)
        copy(REAL_DTYPE, inside, job->inside_step, dtype, outside, job->pixel_step, job->pixels,
             job->channels);
    else
        turn(REAL_DTYPE, inside, job->inside_step, dtype, outside, job->channel_step, job->pixels,
             job->channels);
}

static void bring_in(const csep_convert_job *job, const void *outside, void *inside)
{
    switch (job->dtype) {
    case CSEP_F16: bring_in_as(CSEP_F16, job, outside, inside); break;
    case CSEP_BF16: bring_in_as(CSEP_BF16, job, outside, inside); break;
    default: bring_in_as(REAL_DTYPE, job, outside, inside); break;
    }
}

static void take_out(const csep_convert_job *job, const void *inside, void *outside)
{
    switch (job->dtype) {
    case CSEP_F16: take_out_as(CSEP_F16, job, inside, outside); break;
    case CSEP_BF16: take_out_as(CSEP_BF16, job, inside, outside); break;
    default: take_out_as(REAL_DTYPE, job, inside, outside); break;
    }
}
