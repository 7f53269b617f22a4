from libc.stdint cimport int32_t, int64_t

cdef extern from "csep.h" nogil:
    ctypedef enum csep_status:
        CSEP_OK
        CSEP_BAD_ARGUMENT
        CSEP_BAD_SHAPE
        CSEP_NO_MEMORY
        CSEP_BAD_ISA

    ctypedef struct csep_conv_desc:
        int64_t in_channels
        int64_t channel_multiplier
        int64_t out_channels
        int64_t kernel_h
        int64_t kernel_w
        int64_t stride_h
        int64_t stride_w
        int64_t dilation_h
        int64_t dilation_w

    ctypedef struct csep_shape:
        int64_t batch
        int64_t height
        int64_t width
        int64_t pad_top
        int64_t pad_bottom
        int64_t pad_left
        int64_t pad_right

    ctypedef struct csep_plan:
        pass

    int CSEP_VERSION_MAJOR
    int CSEP_VERSION_MINOR
    int CSEP_VERSION_PATCH
    int CSEP_MAX_THREADS
    int64_t CSEP_MAX_STEP

    csep_status csep_init()
    const char *csep_isa()
    const char *csep_isa_available()
    int csep_has_openmp()
    csep_status csep_output_size(const csep_conv_desc *, const csep_shape *, int64_t *, int64_t *)
    csep_status csep_plan_create(csep_plan **, const csep_conv_desc *, const float *,
                                 const float *, const float *)
    csep_status csep_same_padding(const csep_conv_desc *, csep_shape *)
    csep_status csep_convolve(const csep_conv_desc *, const csep_shape *, const float *,
                              const float *, const float *, const float *, float *, int)
    csep_status csep_execute(const csep_plan *, const csep_shape *, const float *, float *, int)
    int64_t csep_scratch_bytes(const csep_plan *, const csep_shape *, int)
    int64_t csep_plan_bytes(const csep_plan *)
    void csep_plan_destroy(csep_plan *)
    const char *csep_status_string(csep_status)
    double csep_fma_probe(int64_t)
    double csep_read_probe(const float *, int64_t)
    void csep_write_probe(float *, int64_t)
