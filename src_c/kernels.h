/* What an instruction set gives to the rest of csep: one table of block sizes and kernels for each
 * type that sums are held in ("real": float or double). */
#ifndef CSEP_KERNELS_H
#define CSEP_KERNELS_H

#include <stdint.h>

#include "csep.h"

#define CSEP_MAX_PANEL_VECTORS 2

/* Steps and counts in this file are in elements.  Arrays are of real unless they say otherwise. */

/* What one output row needs: kernel rows outside the image are left out here, columns outside by
 * the kernel. */
typedef struct csep_line {
    const void
        *x;       /* column 0 of the first input row under the kernel, at the job's first channel */
    int64_t rows; /* kernel rows inside the image, >= 0 */
    int64_t skip; /* kernel rows above it */
} csep_line;

/* The first stage: the same run of output pixels on some output rows, for a range of channels.  A
 * channel is a depthwise output, or for csep_kernels.gather one of the kernel_rows * taps * C
 * inputs of an ordinary convolution. */
typedef struct csep_stage_job {
    const csep_line *line;
    int64_t lines;
    int64_t row_step;      /* between input rows under successive kernel rows */
    int64_t col_step;      /* between input columns */
    int64_t width;         /* input columns */
    int64_t first_col;     /* input column under tap 0 of the first output pixel; may be < 0 */
    int64_t stride;        /* input columns between output pixels */
    int64_t dilation;      /* input columns between taps */
    int64_t taps;          /* kernel columns */
    int64_t kernel_rows;   /* rows of the whole kernel */
    int64_t in_channels;   /* gather: C */
    int64_t first_channel; /* the input channel that line->x is at */
    int64_t multiplier;    /* channel multiplier M */
    const void *w;         /* packed [block][kernel_rows][taps][vl] */
    int64_t w_period;      /* blocks of w, used over and over: fewer than blocks if shared */
    const void *bias;      /* padded to whole vectors */
    const int32_t *lane;  /* M > 1: packed [block][vl], input channel of each lane less the first */
    int64_t channel;      /* first channel, a multiple of vl */
    int64_t channels;     /* how many */
    int64_t pixels;       /* output pixels in the run */
    void *a;              /* first channel of the first pixel of the first line */
    int64_t a_step;       /* between blocks of vl channels */
    int64_t pixel_step;   /* between pixels */
    int64_t line_step;    /* between lines */
    const void *residual; /* laid out as a, or NULL */
    csep_activation activation;
    int whole_vectors; /* 1: a has room for whole vectors of channels */
} csep_stage_job;

typedef void (*csep_stage_fn)(const csep_stage_job *job);

/* Rows of C = A * B over a range of panels. */
typedef struct csep_pointwise_job {
    const void *a;   /* [block][row][vl]: what the first stage wrote */
    int64_t a_step;  /* between blocks of a */
    int64_t k;       /* depth of this product: channels in a ... */
    int64_t k_first; /* ... which are B's rows k_first .. k_first + k - 1 of k_total */
    int64_t k_total;
    int64_t rows;
    const void *b;    /* panels one after the other, [k_total][vectors * vl] each; or, ... */
    int64_t b_step;   /* ... if not 0, rows of whole vectors so far apart */
    const void *bias; /* padded to whole vectors; NULL to add to what c holds */
    void *c;          /* row 0, first column of the first panel */
    int64_t ldc;
    /* What the next job will read, to be brought to L2, or NULL: ahead_count elements; with b_step,
     * so many pieces as long as a row of the panel, ahead_step apart. */
    const void *ahead;
    int64_t ahead_count;
    int64_t ahead_step;
    int64_t columns;       /* columns from c to the end of the last panel */
    int64_t panel_vectors; /* vectors of every panel but a narrower last one */
    /* 1: each panel meets all rows before the next one is touched, which is brought to L2 while
     * that goes on; for weights that would not stay there. */
    int panels_outer;
    /* 1: the sums are complete: add residual (laid out as c, or NULL), apply the activation. */
    int finish;
    const void *residual;
    csep_activation activation;
} csep_pointwise_job;

typedef void (*csep_pointwise_fn)(const csep_pointwise_job *job);

/* A run of pixels between an array outside, of any dtype and layout, and rows of real inside. */
typedef struct csep_convert_job {
    csep_dtype dtype; /* of the array outside */
    int64_t pixels, channels;
    int64_t pixel_step;   /* outside */
    int64_t channel_step; /* outside; where it is not 1, pixel_step is */
    int64_t inside_step;  /* between pixels inside; channels are side by side */
} csep_convert_job;

/* A depthwise kernel and what it is for; taps == 0 fits anything and ends the list. */
typedef struct csep_depthwise_entry {
    int taps, stride;
    csep_stage_fn run;
} csep_depthwise_entry;

typedef struct csep_kernels {
    const char *name;
    int size;                                 /* bytes of real */
    int vl;                                   /* elements in a vector */
    int max_rows[CSEP_MAX_PANEL_VECTORS + 1]; /* MR for a panel of 1, 2, ... vectors */
    int panel_vectors;                        /* the panel width that runs closest to the peak */
    const csep_depthwise_entry *depthwise;
    csep_stage_fn gather; /* the inputs of each output pixel side by side; zeros for padding */
    csep_pointwise_fn pointwise;
    void (*bring_in)(const csep_convert_job *job, const void *outside, void *inside);
    void (*take_out)(const csep_convert_job *job, const void *inside, void *outside);
    /* Copies rows x columns into a panel of whole vectors. */
    void (*pack_panel)(const void *from, int64_t from_step, int64_t rows, int64_t columns,
                       void *to);
    double (*fma_probe)(int64_t iterations);
    double (*read_probe)(const void *p, int64_t count);
    void (*write_probe)(void *p, int64_t count);
} csep_kernels;

extern const csep_kernels csep_kernels_generic_f32, csep_kernels_generic_f64;
extern const csep_kernels csep_kernels_avx2_f32, csep_kernels_avx2_f64;
extern const csep_kernels csep_kernels_avx512_f32, csep_kernels_avx512_f64;

/* Bytes of the L2 cache of one core. */
int64_t csep_l2_bytes(void);

/* The table in use for CSEP_F32 or CSEP_F64; NULL before csep_init succeeded. */
const csep_kernels *csep_active_kernels(csep_dtype real);

#endif
