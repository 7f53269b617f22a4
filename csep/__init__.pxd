"""The C API of csep for Cython: ``from csep cimport csep_plan_create``; csep.h tells the rest."""

from libc.stdint cimport int64_t

cdef extern from "csep.h" nogil:
    ctypedef enum csep_status:
        CSEP_OK
        CSEP_BAD_ARGUMENT
        CSEP_BAD_SHAPE
        CSEP_NO_MEMORY
        CSEP_BAD_ISA
        CSEP_BAD_CACHE
        CSEP_BAD_SPIN

    ctypedef enum csep_kind:
        CSEP_SEPARABLE
        CSEP_DEPTHWISE
        CSEP_CONV

    ctypedef enum csep_dtype:
        CSEP_F32
        CSEP_F64
        CSEP_F16
        CSEP_BF16

    ctypedef enum csep_layout:
        CSEP_NHWC
        CSEP_NCHW

    ctypedef enum csep_activation_kind:
        CSEP_LINEAR
        CSEP_RELU
        CSEP_RELU6
        CSEP_LEAKY_RELU
        CSEP_ELU
        CSEP_SIGMOID
        CSEP_TANH
        CSEP_SILU
        CSEP_HARD_SIGMOID
        CSEP_HARD_SILU
        CSEP_GELU
        CSEP_GELU_TANH
        CSEP_CLIPPED_RELU
        CSEP_SELU
        CSEP_MISH
        CSEP_SOFTPLUS
        CSEP_PRELU

    ctypedef struct csep_activation:
        csep_activation_kind kind
        double alpha

    ctypedef struct csep_conv_desc:
        csep_kind kind
        csep_dtype dtype
        int shared_kernel
        int64_t in_channels
        int64_t channel_multiplier
        int64_t out_channels
        int64_t groups
        int64_t kernel_h
        int64_t kernel_w
        int64_t stride_h
        int64_t stride_w
        int64_t dilation_h
        int64_t dilation_w
        csep_activation depthwise_activation
        csep_activation activation

    ctypedef struct csep_weights:
        const void *dw
        const void *dw_bias
        const void *pw
        const void *w
        const void *bias
        const void *dw_slopes
        const void *slopes

    ctypedef struct csep_gradients:
        void *x
        void *residual
        void *dw
        void *dw_bias
        void *pw
        void *w
        void *bias

    ctypedef enum csep_padding:
        CSEP_EXPLICIT
        CSEP_SAME
        CSEP_SAME_LOWER

    ctypedef enum csep_padding_mode:
        CSEP_ZEROS
        CSEP_REFLECT
        CSEP_REPLICATE
        CSEP_CIRCULAR

    ctypedef struct csep_input:
        csep_dtype dtype
        csep_layout layout
        int64_t batch
        int64_t height
        int64_t width
        csep_padding padding
        int64_t pad_top
        int64_t pad_bottom
        int64_t pad_left
        int64_t pad_right
        csep_padding_mode padding_mode

    ctypedef struct csep_side:
        int64_t size
        int64_t before
        int64_t step

    ctypedef struct csep_geometry:
        csep_input input
        int64_t out_h
        int64_t out_w
        csep_side rows
        csep_side columns

    ctypedef struct csep_plan:
        pass

    ctypedef enum csep_step_kind:
        CSEP_STEP_CONVOLVE
        CSEP_STEP_ADD
        CSEP_STEP_MULTIPLY
        CSEP_STEP_MAX_POOL
        CSEP_STEP_AVERAGE_POOL
        CSEP_STEP_GLOBAL_MAX
        CSEP_STEP_GLOBAL_AVERAGE
        CSEP_STEP_CONCAT
        CSEP_STEP_NEAREST
        CSEP_STEP_BILINEAR
        CSEP_STEP_PAD
        CSEP_STEP_SOFTMAX
        CSEP_STEP_RESHAPE

    ctypedef struct csep_step:
        csep_step_kind kind
        int source_count
        const int *sources
        const csep_plan *plan
        csep_input input
        int64_t window_h
        int64_t window_w
        int64_t stride_h
        int64_t stride_w
        int64_t height
        int64_t width
        int64_t factor_h
        int64_t factor_w
        int64_t channels
        const void *const *scales
        const void *shift
        csep_activation activation
        const void *slopes

    ctypedef struct csep_shape:
        int64_t batch
        int64_t height
        int64_t width
        int64_t channels

    ctypedef struct csep_network:
        pass

    int CSEP_MAX_ADDED
    int CSEP_MAX_STEPS
    int CSEP_VERSION_MAJOR
    int CSEP_VERSION_MINOR
    int CSEP_VERSION_PATCH
    int CSEP_MAX_THREADS
    int64_t CSEP_MAX_STEP

    csep_status csep_init()
    const char *csep_version()
    const char *csep_isa()
    const char *csep_isa_available()
    int64_t csep_cache_bytes(int)
    int csep_has_openmp()
    int csep_processors()
    int csep_thread_limit()
    csep_status csep_resolve(const csep_conv_desc *, const csep_input *, csep_geometry *)
    csep_status csep_output_size(const csep_conv_desc *, const csep_input *, int64_t *, int64_t *)
    csep_status csep_same_padding(const csep_conv_desc *, csep_input *)
    csep_status csep_plan_create(csep_plan **, const csep_conv_desc *, const csep_weights *)
    csep_status csep_plan_resolve(const csep_plan *, const csep_input *, csep_geometry *)
    csep_status csep_execute(const csep_plan *, const csep_input *, const void *, const void *,
                             void *, int)
    csep_status csep_execute_resolved(const csep_plan *, const csep_geometry *, const void *,
                                      const void *, void *, int)
    csep_status csep_convolve(const csep_conv_desc *, const csep_input *, const csep_weights *,
                              const void *, const void *, void *, int)
    csep_status csep_convolve_resolved(const csep_conv_desc *, const csep_geometry *,
                                       const csep_weights *, const void *, const void *,
                                       void *, int)
    csep_status csep_backward(const csep_conv_desc *, const csep_input *, const csep_weights *,
                              const void *, const void *, const void *, const csep_gradients *, int)
    ctypedef struct csep_gradient_plan:
        pass
    csep_status csep_gradient_plan_create(csep_gradient_plan **, const csep_conv_desc *,
                                          const csep_weights *)
    csep_status csep_execute_backward(const csep_gradient_plan *, const csep_input *, const void *,
                                      const void *, const void *, const csep_gradients *, int)
    void csep_gradient_plan_destroy(csep_gradient_plan *)
    int64_t csep_scratch_bytes(const csep_plan *, const csep_input *, int)
    int64_t csep_plan_bytes(const csep_plan *)
    void csep_plan_destroy(csep_plan *)
    csep_status csep_network_create(csep_network **, csep_dtype, int, const csep_step *, int,
                                    const int *, int)
    csep_status csep_network_shapes(const csep_network *, const csep_shape *, csep_shape *, int *)
    csep_status csep_network_execute(const csep_network *, const csep_shape *, const void *const *,
                                     void *const *, int)
    int64_t csep_network_arena_bytes(const csep_network *, const csep_shape *)
    int64_t csep_network_bytes(const csep_network *)
    void csep_network_destroy(csep_network *)
    const char *csep_status_string(csep_status)
    double csep_fma_probe(csep_dtype, int64_t)
    double csep_read_probe(const float *, int64_t)
    void csep_write_probe(float *, int64_t)
