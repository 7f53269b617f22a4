/* csep: fused depthwise-separable convolution and its family on the CPU.  The public C API.
 *
 *     descriptor -> plan (weights checked and packed once) -> execute, many times -> destroy
 *
 * Descriptors and inputs begin as {0} (or with designated initialisers), so that a field that is
 * not named means "none".  Functions and fields keep their meaning within a minor version; the
 * name of the shared library carries it (libcsep.so.MAJOR.MINOR), so that a program never meets
 * another.
 *
 * Every function may be called from any thread, also after a fork.  None writes anything but its
 * result, and that only with CSEP_OK.  Sizes are checked, pointers cannot be: each must be NULL or
 * hold what the descriptor and the input say.
 *
 * All arrays are C-contiguous.  x, residual and y are NHWC or NCHW, as csep_input says.
 */
#ifndef CSEP_H
#define CSEP_H

#include <stdint.h>

/* The version of csep, for the package as well: it is written nowhere else. */
#define CSEP_VERSION_MAJOR 0
#define CSEP_VERSION_MINOR 3
#define CSEP_VERSION_PATCH 0

/* 1 from this version on: #if CSEP_VERSION_AT_LEAST(0, 3) */
#define CSEP_VERSION_AT_LEAST(major, minor)                                                        \
    (CSEP_VERSION_MAJOR > (major) ||                                                               \
     (CSEP_VERSION_MAJOR == (major) && CSEP_VERSION_MINOR >= (minor)))

/* Everything else in the library is hidden. */
#pragma GCC visibility push(default)

#ifdef __cplusplus
extern "C" {
#endif

typedef enum csep_status {
    CSEP_OK = 0,
    CSEP_BAD_ARGUMENT = 1, /* a size, stride, dilation or pointer that cannot be */
    CSEP_BAD_SHAPE = 2,    /* the output would be empty, or a size overflows */
    CSEP_NO_MEMORY = 3,    /* nothing was written */
    CSEP_BAD_ISA = 4,      /* CSEP_ISA names an instruction set this machine or build lacks */
    CSEP_BAD_CACHE = 5,    /* CSEP_CACHE is no sizes of L1, L2 and L3 such as 32K,512K,16M */
    CSEP_BAD_SPIN = 6      /* CSEP_SPIN is no number of microseconds from 0 to 1000 */
} csep_status;

typedef enum csep_kind {
    CSEP_SEPARABLE = 0, /* depthwise, then pointwise */
    CSEP_DEPTHWISE = 1, /* out_channels is in_channels * channel_multiplier */
    CSEP_CONV = 2       /* an ordinary convolution; pointwise where the kernel is 1x1 */
} csep_kind;

typedef enum csep_dtype {
    CSEP_F32 = 0,
    CSEP_F64 = 1,
    CSEP_F16 = 2, /* IEEE half; summed in float32, rounded once */
    CSEP_BF16 = 3 /* the upper half of a float32; likewise */
} csep_dtype;

typedef enum csep_layout { CSEP_NHWC = 0, CSEP_NCHW = 1 } csep_layout;

/* v is the sum, bias and residual included; a is alpha, or of CSEP_PRELU the channel's slope. */
typedef enum csep_activation_kind {
    CSEP_LINEAR = 0,
    CSEP_RELU = 1,          /* max(v, 0) */
    CSEP_RELU6 = 2,         /* min(max(v, 0), 6) */
    CSEP_LEAKY_RELU = 3,    /* v > 0 ? v : a * v */
    CSEP_ELU = 4,           /* v > 0 ? v : a * (e^v - 1) */
    CSEP_SIGMOID = 5,       /* 1 / (1 + e^-v) */
    CSEP_TANH = 6,          /* tanh v */
    CSEP_SILU = 7,          /* v * sigmoid(v) */
    CSEP_HARD_SIGMOID = 8,  /* relu6(v + 3) / 6 */
    CSEP_HARD_SILU = 9,     /* v * hard_sigmoid(v) */
    CSEP_GELU = 10,         /* v * Phi(v), Phi the normal distribution */
    CSEP_GELU_TANH = 11,    /* v * sigmoid(2 * sqrt(2 / pi) * (v + 0.044715 * v^3)) */
    CSEP_CLIPPED_RELU = 12, /* min(max(v, 0), a) */
    CSEP_SELU = 13,         /* s * (v > 0 ? v : b * (e^v - 1)), s = 1.0507..., b = 1.6732... */
    CSEP_MISH = 14,         /* v * tanh(log(1 + e^v)) */
    CSEP_SOFTPLUS = 15,     /* log(1 + e^v) */
    CSEP_PRELU = 16,        /* v < 0 ? a * v : v, a from csep_weights */
    CSEP_LAST_ACTIVATION = CSEP_PRELU
} csep_activation_kind;

typedef struct csep_activation {
    csep_activation_kind kind;
    double alpha;
} csep_activation;

/* What weights and hyper-parameters fix; the same for every image. */
typedef struct csep_conv_desc {
    csep_kind kind;
    csep_dtype dtype;           /* of weights and sums: CSEP_F32 or CSEP_F64 */
    int shared_kernel;          /* 1: dw is (kernel_h, kernel_w, 1, channel_multiplier) */
    int64_t in_channels;        /* C */
    int64_t channel_multiplier; /* M: depthwise outputs per input channel; CSEP_CONV: 1 */
    int64_t out_channels;       /* CO */
    int64_t groups; /* CSEP_CONV: both kinds of channels are cut into so many groups, and
                     * outputs see the inputs of their own group; 0 is 1 */
    int64_t kernel_h, kernel_w;
    int64_t stride_h, stride_w;
    int64_t dilation_h, dilation_w;
    csep_activation depthwise_activation; /* CSEP_SEPARABLE: between the stages */
    csep_activation activation;           /* of the result */
} csep_conv_desc;

/* In the descriptor's dtype.  What a kind of convolution has no use for is NULL. */
typedef struct csep_weights {
    const void *dw;      /* (kernel_h, kernel_w, in_channels or 1, channel_multiplier) */
    const void *dw_bias; /* (in_channels * channel_multiplier) or NULL; CSEP_SEPARABLE only */
    const void *pw;      /* CSEP_SEPARABLE: (in_channels * channel_multiplier, out_channels) */
    const void *w;       /* CSEP_CONV: (kernel_h, kernel_w, in_channels / groups, out_channels) */
    const void *bias;    /* (out_channels) or NULL */
    /* Where the activation of a stage is CSEP_PRELU, the slopes of its channels. */
    const void *dw_slopes; /* (in_channels * channel_multiplier): of depthwise_activation */
    const void *slopes;    /* (out_channels): of activation */
} csep_weights;

typedef enum csep_padding {
    CSEP_EXPLICIT = 0,  /* pad_top, pad_bottom, pad_left, pad_right; VALID is four zeros */
    CSEP_SAME = 1,      /* TensorFlow's: ceil(size / stride) outputs, the odd pixel of padding at
                         * the bottom and right; the four fields are not read */
    CSEP_SAME_LOWER = 2 /* ONNX's: the same, the odd pixel at the top and left */
} csep_padding;

/* What padding holds: nothing, or pixels of the image, here a row of three with a padding of two.
 */
typedef enum csep_padding_mode {
    CSEP_ZEROS = 0,
    CSEP_REFLECT = 1,   /* c b | a b c | b a: each padding smaller than the side */
    CSEP_REPLICATE = 2, /* a a | a b c | c c */
    CSEP_CIRCULAR = 3   /* b c | a b c | a b: no padding larger than the side */
} csep_padding_mode;

/* What may change from call to call. */
typedef struct csep_input {
    csep_dtype dtype;             /* of x, residual and y: CSEP_F64 with weights of CSEP_F64, or any
                                   * other with CSEP_F32 */
    csep_layout layout;           /* of x, residual and y */
    int64_t batch, height, width; /* of x; batch may be 0 */
    csep_padding padding;
    csep_padding_mode padding_mode; /* of what padding there is, whichever way it was given */
    int64_t pad_top, pad_bottom, pad_left, pad_right;
} csep_input;

/* How one side of x becomes what the kernels see. */
typedef struct csep_side {
    int64_t size;   /* of x */
    int64_t before; /* padding before it: nothing, or pixels of x */
    int64_t step;   /* between outputs: the stride, or less where x is converted and pixels that no
                     * kernel reaches are left out */
} csep_side;

/* The sizes of one call, checked.  csep_resolve and csep_plan_resolve fill it in, nobody else: the
 * functions that take one trust it. */
typedef struct csep_geometry {
    /* As the kernels see it, with its padding as four numbers: a border of pixels of x is a part of
     * the image, and what is left out is not. */
    csep_input input;
    int64_t out_h, out_w;
    csep_side rows, columns;
} csep_geometry;

typedef struct csep_plan csep_plan;

/* The largest stride, dilation, padding, kernel side or number of channels accepted. */
#define CSEP_MAX_STEP INT64_C(2147483647)

/* More threads than this are never started, whatever is asked for. */
#define CSEP_MAX_THREADS 256

/* Scratch memory of one execute call, per thread, never exceeds this for NHWC in the weights'
 * dtype with zeros as padding.  Other inputs are converted piece by piece, as a whole where the
 * kernel reaches far beyond a piece: then it can. */
#define CSEP_MAX_SCRATCH_BYTES (INT64_C(1) << 20)

/* Chooses the instruction set (CSEP_ISA or the best there is), learns of the caches (CSEP_CACHE or
 * what the system tells) and how many microseconds a thread spins before it sleeps (CSEP_SPIN, or
 * 0 where OMP_WAIT_POLICY is passive, else 50), once per process.  Called by csep_plan_create; call
 * it early to learn of a bad CSEP_ISA, CSEP_CACHE or CSEP_SPIN. */
csep_status csep_init(void);

/* "MAJOR.MINOR.PATCH" of the library that runs. */
const char *csep_version(void);

/* Name of the instruction set in use ("generic", "avx2", "avx512"). */
const char *csep_isa(void);

/* Comma-separated names that CSEP_ISA may take on this machine. */
const char *csep_isa_available(void);

/* Bytes of a core's L1 data cache, L2, or its share of L3 that tile sizes are derived from (level
 * 1, 2, 3); 0 where there is none. */
int64_t csep_cache_bytes(int level);

/* 1 where the library was built with OpenMP, else 0: then csep_processors and csep_thread_limit
 * know nothing of what OpenMP was told.  Threads are csep's own in either case. */
int csep_has_openmp(void);

/* How many processors this process may use, by its affinity.  Where OMP_PROC_BIND or OMP_PLACES
 * have OpenMP bind the calling thread to one of them, all of them still count. */
int csep_processors(void);

/* The most threads a call of the calling thread should ask for: CSEP_MAX_THREADS, unless
 * omp_set_num_threads (threadpoolctl calls it) has lowered what OpenMP gives to this thread below
 * OMP_NUM_THREADS or the number of processors. */
int csep_thread_limit(void);

/* Checks a descriptor and an input, and works out the padding and the size of the output. */
csep_status csep_resolve(const csep_conv_desc *desc, const csep_input *input,
                         csep_geometry *geometry);

/* The same for those who only want the size. */
csep_status csep_output_size(const csep_conv_desc *desc, const csep_input *input, int64_t *out_h,
                             int64_t *out_w);

/* Sets the four paddings of input to CSEP_SAME's, or to CSEP_SAME_LOWER's where its padding says
 * that. */
csep_status csep_same_padding(const csep_conv_desc *desc, csep_input *input);

/* Copies and packs the weights: the caller's arrays are not needed afterwards.  *plan is NULL
 * unless all went well. */
csep_status csep_plan_create(csep_plan **plan, const csep_conv_desc *desc,
                             const csep_weights *weights);

/* csep_resolve for the descriptor that the plan was made of, which is not checked again. */
csep_status csep_plan_resolve(const csep_plan *plan, const csep_input *input,
                              csep_geometry *geometry);

/* residual is an array like y that is added before the activation, or NULL.  y must not overlap x,
 * residual or the weights of csep_convolve.  Any number of threads may execute a plan at once.
 * The result has the same bits for any num_threads (>= 1).  That is the most the call will use: it
 * takes fewer where the work is small, and where other calls are running, so that all of them
 * together compute with no more, beyond the one thread of each caller. */
csep_status csep_execute(const csep_plan *plan, const csep_input *input, const void *x,
                         const void *residual, void *y, int num_threads);

/* The same for an input that csep_plan_resolve has resolved, which is not checked again. */
csep_status csep_execute_resolved(const csep_plan *plan, const csep_geometry *geometry,
                                  const void *x, const void *residual, void *y, int num_threads);

/* Plan and execution in one, for weights that are used once: packs no more of them than it must. */
csep_status csep_convolve(const csep_conv_desc *desc, const csep_input *input,
                          const csep_weights *weights, const void *x, const void *residual, void *y,
                          int num_threads);

/* The same for what csep_resolve has resolved with this descriptor; neither is checked again. */
csep_status csep_convolve_resolved(const csep_conv_desc *desc, const csep_geometry *geometry,
                                   const csep_weights *weights, const void *x, const void *residual,
                                   void *y, int num_threads);

/* Where the gradients of a loss are to be written, with respect to what csep_convolve was given;
 * what is NULL is not computed.  Each is like its array: x like x, residual like y, the others like
 * those of csep_weights. */
typedef struct csep_gradients {
    void *x, *residual;
    void *dw, *dw_bias, *pw, *w, *bias;
} csep_gradients;

/* The backward pass of csep_convolve: from dy, the loss's gradient with respect to y, to those that
 * are asked for.  x and residual are those of the forward pass; what it had between its stages is
 * computed again.  Arrays are NHWC in the descriptor's dtype, padding holds zeros; no gradient may
 * overlap another array.  An activation's derivative where it bends is TensorFlow's: 0 at the ends
 * of a range.  The same bits for any num_threads. */
csep_status csep_backward(const csep_conv_desc *desc, const csep_input *input,
                          const csep_weights *weights, const void *x, const void *residual,
                          const void *dy, const csep_gradients *gradients, int num_threads);

/* The same for weights that are used many times: what a backward pass computes with is made once.
 * The weights may go afterwards. */
typedef struct csep_gradient_plan csep_gradient_plan;

csep_status csep_gradient_plan_create(csep_gradient_plan **plan, const csep_conv_desc *desc,
                                      const csep_weights *weights);

csep_status csep_execute_backward(const csep_gradient_plan *plan, const csep_input *input,
                                  const void *x, const void *residual, const void *dy,
                                  const csep_gradients *gradients, int num_threads);

void csep_gradient_plan_destroy(csep_gradient_plan *plan);

/* Scratch bytes that one thread of csep_execute will use for this input; 0 for a bad one. */
int64_t csep_scratch_bytes(const csep_plan *plan, const csep_input *input, int num_threads);

/* Bytes held by the plan: packed weights and bias. */
int64_t csep_plan_bytes(const csep_plan *plan);

void csep_plan_destroy(csep_plan *plan);

const char *csep_status_string(csep_status status);

/* ---- Networks: many steps in one call ----
 *
 * A network has values, images of NHWC: the first are its inputs, then each step makes one of
 * values before it.  Value `inputs + i` is what step i makes.  All are of one dtype, CSEP_F32 or
 * CSEP_F64. */

typedef enum csep_step_kind {
    CSEP_STEP_CONVOLVE = 0, /* plan; a second source is the residual */
    CSEP_STEP_ADD = 1,      /* activation(shift + the sum of scale * source, one after the other);
                             * channel by channel; also scale and shift, and activations alone */
    CSEP_STEP_MULTIPLY = 2, /* activation(the product of the sources) */
    CSEP_STEP_MAX_POOL = 3, /* of the pixels under a window; padding is left out */
    CSEP_STEP_AVERAGE_POOL = 4,   /* likewise */
    CSEP_STEP_GLOBAL_MAX = 5,     /* of all pixels of an image */
    CSEP_STEP_GLOBAL_AVERAGE = 6, /* likewise */
    CSEP_STEP_CONCAT = 7,         /* channels side by side */
    CSEP_STEP_NEAREST = 8,        /* resized: output pixel i is pixel floor((i + 0.5) * in / out) */
    CSEP_STEP_BILINEAR = 9, /* resized: between the pixels beside (i + 0.5) * in / out - 0.5 */
    CSEP_STEP_PAD = 10,     /* zeros around; cropped where a padding is negative */
    CSEP_STEP_SOFTMAX = 11, /* over the channels of a pixel */
    CSEP_STEP_RESHAPE = 12, /* the same numbers with other sides */
    CSEP_LAST_STEP = CSEP_STEP_RESHAPE
} csep_step_kind;

/* What a kind of step has no use for is 0 or NULL. */
typedef struct csep_step {
    csep_step_kind kind;
    int source_count;
    const int *sources;    /* values.  CSEP_STEP_CONVOLVE: x and perhaps a residual.  CSEP_STEP_ADD,
                            * CSEP_STEP_MULTIPLY: 1 to CSEP_MAX_ADDED, of one size, or some a single
                            * pixel for all of an image.  CSEP_STEP_CONCAT: any number.  Else one */
    const csep_plan *plan; /* CSEP_STEP_CONVOLVE: of the network's dtype; is to outlive it */
    csep_input input;      /* CSEP_STEP_CONVOLVE, pools: padding; CSEP_STEP_CONVOLVE: its mode;
                            * CSEP_STEP_PAD: pad_top, pad_bottom, pad_left, pad_right */
    int64_t window_h, window_w, stride_h, stride_w; /* pools */
    int64_t height, width; /* resizing, CSEP_STEP_RESHAPE: of the result.  Resizing: 0 for as many
                            * times the source's as ... */
    int64_t factor_h, factor_w; /* ... this */
    int64_t channels;           /* of scales, shift and slopes, and of CSEP_STEP_RESHAPE's result */
    const void *const *scales;  /* CSEP_STEP_ADD: for each source (channels) or NULL; or NULL */
    const void *shift;          /* CSEP_STEP_ADD: (channels) or NULL */
    csep_activation activation; /* CSEP_STEP_ADD, CSEP_STEP_MULTIPLY */
    const void *slopes;         /* CSEP_PRELU: (channels) */
} csep_step;

typedef struct csep_shape {
    int64_t batch, height, width, channels;
} csep_shape;

#define CSEP_MAX_ADDED 8
#define CSEP_MAX_STEPS 8192

typedef struct csep_network csep_network;

/* outputs are values that steps have made, each named once.  Copies everything but the plans. */
csep_status csep_network_create(csep_network **network, csep_dtype dtype, int input_count,
                                const csep_step *steps, int step_count, const int *outputs,
                                int output_count);

/* The shapes of all values, inputs first, for inputs of these shapes.  Where they do not fit,
 * CSEP_BAD_SHAPE, and *bad_step, if there is one, is the step that cannot be computed. */
csep_status csep_network_shapes(const csep_network *network, const csep_shape *inputs,
                                csep_shape *values, int *bad_step);

/* Runs all steps.  x are the inputs, y the outputs, arrays that do not overlap.  As csep_execute:
 * from any number of threads at once, the same bits for any num_threads.  What lies between is in
 * memory that the calling thread keeps for its next call. */
csep_status csep_network_execute(const csep_network *network, const csep_shape *inputs,
                                 const void *const *x, void *const *y, int num_threads);

/* Bytes of memory for what lies between inputs and outputs; 0 where the inputs do not fit. */
int64_t csep_network_arena_bytes(const csep_network *network, const csep_shape *inputs);

/* Bytes held by the network, plans not included. */
int64_t csep_network_bytes(const csep_network *network);

void csep_network_destroy(csep_network *network);

/* Runs independent fused multiply-adds in registers and returns how many floating-point
 * operations were done: with a clock around it, the FMA peak of the instruction set in use. */
double csep_fma_probe(csep_dtype dtype, int64_t iterations);

/* Read or write count floats as fast as vector loads or stores go, but for the last count % 128. */
double csep_read_probe(const float *p, int64_t count);
void csep_write_probe(float *p, int64_t count);

#ifdef __cplusplus
}
#endif

#pragma GCC visibility pop
#endif
