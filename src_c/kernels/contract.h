/* The kernels' contracts: what each is given and what it does.  README.md beside this file draws
 * the operands.
 *
 * An instruction set has one table of block sizes and kernels for each type that sums are held in
 * ("real": float or double).  Steps and counts are in elements.  Arrays are of real unless they say
 * otherwise, and need no more alignment than that.  A kernel touches the elements its job names and
 * no others.  The preconditions are asserted in test builds (REQUIRE in isa/compiler.h). */
#ifndef CSEP_KERNELS_CONTRACT_H
#define CSEP_KERNELS_CONTRACT_H

#include <stdint.h>

#include "csep.h"

/* Products are summed in chunks of so many k, counted from the first: fixed, so that the bits do
 * not depend on anything else.  Half as many are no more exact (the sum of chunks is a chain as
 * well), twice as many less exact than other libraries from K = 512 on. */
#define CSEP_SUM_CHUNK 128

/* The widest panel of a product, in vectors. */
#define CSEP_MAX_PANEL_VECTORS 2

/* What one output row needs of the input.  Kernel rows outside the image are left out here, columns
 * outside by the kernel: a tap in the padding is skipped, not multiplied by zero. */
typedef struct csep_line {
    const void *x; /* column 0 of the first input row under the kernel, at job.first_channel */
    int64_t rows;  /* kernel rows inside the image, >= 0 */
    int64_t skip;  /* kernel rows above it; skip + rows <= job.kernel_rows */
} csep_line;

/* The first stage, depthwise or im2col: the same run of output pixels on some output rows, for a
 * range of channels.  A channel is a depthwise output, or for im2col one of the kernel_rows * taps
 * * C inputs of an ordinary convolution.
 *
 * Depthwise: a[line][pixel][k] = activation(the sum over kernel rows di, then columns dj, of
 * w[k][di][dj] * x[..][k / multiplier], one chain of multiply-adds from 0 in that order, + bias[k]
 * + residual).
 * depthwise_flat: the same for stride and multiplier 1 and few channels, all of the input's, which
 * lie side by side in x and in a (col_step and pixel_step are channels); the one vector of w, bias
 * and slopes repeats them. im2col: a[line][pixel][k] = x under tap (di, dj), channel q, k = (di *
 * taps + dj) * C + q; zero outside the image. */
typedef struct csep_stage_job {
    const csep_line *line;
    int64_t lines;         /* >= 1 */
    int64_t row_step;      /* between input rows under successive kernel rows */
    int64_t col_step;      /* between input columns */
    int64_t width;         /* input columns there are, from line.x on */
    int64_t first_col;     /* input column under tap 0 of the first output pixel; may be < 0 */
    int64_t stride;        /* input columns between output pixels, >= 1 */
    int64_t dilation;      /* input columns between taps, >= 1 */
    int64_t taps;          /* kernel columns, >= 1 */
    int64_t kernel_rows;   /* rows of the whole kernel, >= 1 */
    int64_t in_channels;   /* im2col: C, <= col_step */
    int64_t first_channel; /* the input channel that line.x is at */
    int64_t multiplier;    /* channel multiplier M, >= 1 */
    const void *w;         /* packed [block][kernel_rows][taps][vl] */
    int64_t w_period;      /* blocks of w, used over and over: fewer than blocks if shared */
    const void *bias;      /* for all channels from 0 on, padded to whole vectors */
    const int32_t *lane;  /* M > 1: packed [block][vl], input channel of each lane less the first */
    int64_t channel;      /* first channel, a multiple of vl */
    int64_t channels;     /* how many, >= 1 */
    int64_t pixels;       /* output pixels in the run, >= 1 */
    void *a;              /* first channel of the first pixel of the first line */
    int64_t a_step;       /* between blocks of vl channels */
    int64_t pixel_step;   /* between pixels; im2col: vl */
    int64_t line_step;    /* between lines */
    const void *residual; /* laid out as a, or NULL */
    csep_activation activation;
    const void *slopes;  /* CSEP_PRELU: for all channels from 0 on, padded to whole vectors */
    const void *ahead;   /* what the next job will read, to be prefetched to L2, or NULL: ... */
    int64_t ahead_count; /* ... so many elements; not read by im2col */
    int claim_a;         /* 1: a is not in L2, and its lines are asked for early */
    int whole_vectors;   /* 1: a has room for whole vectors of channels, always so for im2col; what
                          * the lanes past the last channel get is not defined */
} csep_stage_job;

typedef void (*csep_stage_fn)(const csep_stage_job *job);

/* The pointwise product: rows of C = A * B over a range of panels.
 *
 * c[row][column] = the sum over k of a[row][k] * b[k][column].  Each chunk of CSEP_SUM_CHUNK k is a
 * chain of multiply-adds from 0; the chunks are added one after the other, to what c holds where
 * the job continues.  With finish, bias and residual are added and the activation applied before
 * the store. */
typedef struct csep_pointwise_job {
    const void *a;   /* what the first stage wrote, or pixels where they lie */
    int64_t a_step;  /* between blocks of vl channels of a, >= vl */
    int64_t a_row;   /* between rows of a block */
    int64_t a_line;  /* between lines */
    int64_t rows;    /* of a line, >= 1 */
    int64_t lines;   /* >= 1; C's rows follow each other from line to line */
    int64_t a_tap;   /* between taps: the depth of this product is k channels from each of ... */
    int64_t taps;    /* ... so many places in a row of a, one after the other, >= 1;
                      * more than 1 where a_step is vl */
    int64_t k;       /* >= 1 */
    int64_t k_first; /* they are B's rows from k_first on, of k_total; whole chunks */
    int64_t k_total;
    const void *b;    /* panels one after the other, [k_total][vectors * vl] each; or, ... */
    int64_t b_step;   /* ... if not 0, rows of whole vectors so far apart */
    int continues;    /* 1: c holds the sum of earlier chunks */
    const void *bias; /* padded to whole vectors; not read without finish */
    void *c;          /* row 0, first column of the first panel */
    int64_t ldc;      /* between rows of c */
    /* What the next job will read, to be prefetched to L2, or NULL: ahead_count elements; with
     * b_step, so many pieces as long as a row of the panel, ahead_step apart.  Not read with
     * panels_outer. */
    const void *ahead;
    int64_t ahead_count;
    int64_t ahead_step;
    int64_t columns;       /* columns from c to the end of the last panel, >= 1 */
    int64_t panel_vectors; /* vectors of every panel but a narrower last one */
    /* 1: each panel meets all rows before the next one is touched, which is prefetched meanwhile;
     * for weights that would not stay in L2.  Not with b_step. */
    int panels_outer;
    int claim_c; /* 1: c is not in L2, and its lines are asked for early; not read if the job
                    continues */
    /* 1: the sums are complete: add residual (laid out as c, or NULL), apply the activation. */
    int finish;
    const void *residual;
    csep_activation activation;
    const void *slopes; /* CSEP_PRELU: like bias */
} csep_pointwise_job;

typedef void (*csep_pointwise_fn)(const csep_pointwise_job *job);

/* Numbers of pixels, one by one: y[pixel][c] = activation(v), where v is
 *   product: x[0][pixel][c] * x[1][pixel][c] * ...
 *   else: shift[c], then x[s][pixel][c] * scale[s][c] added for one source s after the other.
 * y may be one of the sources whose x_step is channels. */
typedef struct csep_elementwise_job {
    int64_t pixels;   /* >= 1 */
    int64_t channels; /* >= 1; also the step between pixels of y */
    int product;
    int sources; /* 1 .. CSEP_MAX_ADDED */
    const void *x[CSEP_MAX_ADDED];
    int64_t x_step[CSEP_MAX_ADDED];    /* between pixels: channels, or 0 for one and the same */
    const void *scale[CSEP_MAX_ADDED]; /* padded to whole vectors, or NULL: 1 */
    const void *shift;                 /* likewise, or NULL: 0; not with product */
    const void *slopes;                /* CSEP_PRELU: likewise */
    csep_activation activation;
    void *y;
} csep_elementwise_job;

/* A grid of pixels becomes one: y[c] = the sum of x[row][column][c] * factor[..], in chunks of
 * CSEP_SUM_CHUNK pixels, or without factors the largest; which of a NaN and a number is the larger
 * is not defined. */
typedef struct csep_combine_job {
    const void *x;
    int64_t rows, columns;         /* of the grid, >= 1 */
    int64_t row_step, column_step; /* between pixels */
    const void *factor;            /* for each pixel, row by row, or NULL */
    int64_t factor_step;           /* 1, or 0 where one factor is for all */
    int64_t channels;              /* >= 1 */
    void *y;                       /* apart from x */
} csep_combine_job;

/* y[pixel][c] = e^x[pixel][c] / the sum of e^x[pixel][..]; y may be x. */
typedef struct csep_softmax_job {
    int64_t pixels, channels; /* >= 1 */
    const void *x;
    void *y;
} csep_softmax_job;

/* ds[pixel][c] = dy[pixel][c] * the derivative of the activation at sum[pixel][c]; where that bends
 * it is what TensorFlow's is: 0 at the ends of a range, as below 0 at 0.  ds may be sum or dy. */
typedef struct csep_activation_gradient_job {
    int64_t pixels, channels; /* >= 1 */
    const void *sum;          /* what the activation was applied to */
    const void *dy;
    void *ds;
    int64_t sum_step, dy_step, ds_step; /* between pixels */
    csep_activation activation;
    const void *slopes; /* CSEP_PRELU: padded to whole vectors */
} csep_activation_gradient_job;

/* to[pixel / vl][k][pixel % vl] = from[k / vl][pixel][k % vl]; pixels past the last are 0. */
typedef struct csep_transpose_job {
    int64_t blocks, pixels; /* >= 1; of vl channels, all of whose lanes are there */
    const void *from;
    int64_t from_step; /* between blocks of channels */
    void *to;
    int64_t to_step; /* between blocks of pixels: blocks * vl * vl or more */
} csep_transpose_job;

/* The gradient of depthwise weights: dw[di][dj][k] += the sum over lines, each by itself, and
 * pixels of x under that tap, of channel k / multiplier, times du[line][pixel][k].  With few
 * channels, of x and du alike, and stride 1, as many pixels as a vector holds may be taken
 * together: dw[di][dj] then has a sum for each of its lanes. */
typedef struct csep_tap_gradient_job {
    const csep_line *line;
    int64_t lines;                     /* >= 1 */
    int64_t row_step, col_step, width; /* of x; these and the next as csep_stage_job's */
    int64_t first_col, stride, dilation, taps;
    int64_t multiplier; /* >= 1 */
    const int32_t *lane;
    int64_t channels; /* of du and dw, from 0 on */
    int64_t together; /* pixels; more than 1 only with a stride and a multiplier of 1, and where
                       * du_pixel and col_step are channels */
    int64_t pixels;
    const void *du;
    int64_t du_pixel, du_line; /* between pixels, between lines */
    void *dw;
    int64_t dw_step; /* between taps */
} csep_tap_gradient_job;

/* to[pixel][q] = the sum over m, one after the other, of from[pixel][q * multiplier + m], whose
 * pixels lie side by side. */
typedef struct csep_fold_job {
    int64_t pixels, channels, multiplier; /* >= 1 */
    const void *from;
    void *to;
    int64_t to_step; /* between pixels */
} csep_fold_job;

/* A run of pixels between an array of any dtype and layout ("outside": the caller's) and rows of
 * real ("inside": scratch).  load_staged converts inwards, store_staged outwards; a value is
 * rounded to nearest, ties to even. */
typedef struct csep_convert_job {
    csep_dtype dtype;     /* of the array outside; CSEP_F64 exactly where real is double */
    int64_t pixels;       /* >= 1 */
    int64_t channels;     /* >= 1 */
    int64_t pixel_step;   /* outside */
    int64_t channel_step; /* outside; where it is not 1, pixel_step is */
    int64_t inside_step;  /* between pixels inside, >= channels; channels are side by side */
} csep_convert_job;

/* A depthwise kernel and what it is for: so many kernel columns, stride, dilation 1.  taps == 0
 * fits anything and ends the list. */
typedef struct csep_depthwise_entry {
    int taps, stride;
    csep_stage_fn run;
} csep_depthwise_entry;

typedef struct csep_kernels {
    const char *name;
    int size;                           /* bytes of real */
    int vl;                             /* elements in a vector */
    int mr[CSEP_MAX_PANEL_VECTORS + 1]; /* MR, rows of a micro-tile, for a panel of 1, 2 vectors */
    int panel_vectors;                  /* NR / vl: the panel width that runs closest to the peak */
    const csep_depthwise_entry *depthwise;
    csep_stage_fn depthwise_flat;
    csep_stage_fn im2col;
    csep_pointwise_fn pointwise;
    void (*elementwise)(const csep_elementwise_job *job);
    void (*combine)(const csep_combine_job *job);
    void (*softmax)(const csep_softmax_job *job);
    void (*activation_gradient)(const csep_activation_gradient_job *job);
    void (*transpose)(const csep_transpose_job *job);
    void (*tap_gradient)(const csep_tap_gradient_job *job);
    void (*fold)(const csep_fold_job *job);
    void (*load_staged)(const csep_convert_job *job, const void *outside, void *inside);
    void (*store_staged)(const csep_convert_job *job, const void *inside, void *outside);
    /* Copies rows x columns, from_step apart, into a panel: rows of whole vectors, the lanes past
     * the last column 0. */
    void (*pack_panel)(const void *from, int64_t from_step, int64_t rows, int64_t columns,
                       void *panel);
    /* What the machine can do, for benchmarks: csep_fma_probe, csep_read_probe, csep_write_probe.
     */
    double (*fma_probe)(int64_t iterations);
    double (*read_probe)(const void *p, int64_t count);
    void (*write_probe)(void *p, int64_t count);
} csep_kernels;

#endif
