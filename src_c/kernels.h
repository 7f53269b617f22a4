/* What an instruction set gives to the rest of csep: one table of block sizes and kernels. */
#ifndef CSEP_KERNELS_H
#define CSEP_KERNELS_H

#include <stdint.h>

#define CSEP_MAX_PANEL_VECTORS 2

/* What one output row needs: kernel rows outside the image are left out here, columns outside by
 * the kernel. */
typedef struct csep_depthwise_line {
    const float *x; /* column 0, channel 0 of the first input row under the kernel */
    int64_t rows;   /* kernel rows inside the image, >= 0 */
    int64_t skip;   /* kernel rows above it */
} csep_depthwise_line;

/* The same run of output pixels on some output rows, for a range of depthwise output channels. */
typedef struct csep_depthwise_job {
    const csep_depthwise_line *line;
    int64_t lines;
    int64_t row_step;    /* floats between input rows under successive kernel rows */
    int64_t col_step;    /* floats between input columns: the input channels */
    int64_t width;       /* input columns */
    int64_t first_col;   /* input column under tap 0 of the first output pixel; may be < 0 */
    int64_t stride;      /* input columns between output pixels */
    int64_t dilation;    /* input columns between taps */
    int64_t taps;        /* kernel columns */
    int64_t kernel_rows; /* rows of the whole kernel */
    const float *w;      /* packed [block][kernel_rows][taps][vl], at the first block */
    int64_t multiplier;  /* channel multiplier M */
    const int32_t *lane; /* M > 1: packed [block][vl], input channel of each lane less the first */
    int64_t channel;     /* first depthwise output channel, a multiple of vl */
    int64_t channels;    /* how many */
    int64_t pixels;      /* output pixels in the run */
    float *a;            /* [block][line][pixel][vl] */
    int64_t a_step;      /* floats between blocks of a */
} csep_depthwise_job;

typedef void (*csep_depthwise_fn)(const csep_depthwise_job *job);

/* Rows of C = A * B over a range of panels. */
typedef struct csep_pointwise_job {
    const float *a;  /* [block][row][vl]: what csep_depthwise_fn wrote */
    int64_t a_step;  /* floats between blocks of a */
    int64_t k;       /* depth of this product: channels in a ... */
    int64_t k_first; /* ... which are B's rows k_first .. k_first + k - 1 of k_total */
    int64_t k_total;
    int64_t rows;
    const float *b;    /* panels one after the other, [k_total][vectors * vl] each; or, ... */
    int64_t b_step;    /* ... if not 0, rows of whole vectors so many floats apart */
    const float *bias; /* padded to whole vectors; NULL to add to what c holds */
    float *c;          /* row 0, first column of the first panel */
    int64_t ldc;
    /* What the next job will read, to be brought to L2, or NULL: ahead_count floats; with b_step,
     * so many pieces as long as a row of the panel, ahead_step floats apart. */
    const float *ahead;
    int64_t ahead_count;
    int64_t ahead_step;
    int64_t columns;       /* columns from c to the end of the last panel */
    int64_t panel_vectors; /* vectors of every panel but a narrower last one */
    /* 1: each panel meets all rows before the next one is touched, which is brought to L2 while
     * that goes on; for weights that would not stay there. */
    int panels_outer;
} csep_pointwise_job;

typedef void (*csep_pointwise_fn)(const csep_pointwise_job *job);

/* A depthwise kernel and what it is for; taps == 0 fits anything and ends the list. */
typedef struct csep_depthwise_entry {
    int taps, stride;
    csep_depthwise_fn run;
} csep_depthwise_entry;

typedef struct csep_kernels {
    const char *name;
    int vl;                                   /* floats in a vector */
    int max_rows[CSEP_MAX_PANEL_VECTORS + 1]; /* MR for a panel of 1, 2, ... vectors */
    int panel_vectors;                        /* the panel width that runs closest to the peak */
    const csep_depthwise_entry *depthwise;
    csep_pointwise_fn pointwise;
    /* Copies rows x columns into a panel of whole vectors; the steps are in floats. */
    void (*pack_panel)(const float *from, int64_t from_step, int64_t rows, int64_t columns,
                       float *to);
    double (*fma_probe)(int64_t iterations);
    double (*read_probe)(const float *p, int64_t count);
    void (*write_probe)(float *p, int64_t count);
} csep_kernels;

extern const csep_kernels csep_kernels_generic;
extern const csep_kernels csep_kernels_avx2;
extern const csep_kernels csep_kernels_avx512;

/* Bytes of the L2 cache of one core. */
int64_t csep_l2_bytes(void);

/* The table in use; NULL before csep_init succeeded. */
const csep_kernels *csep_active_kernels(void);

#endif
