# cython: boundscheck=False, wraparound=False, embedsignature=True
"""The only file that touches C: plans, thread default, probes.

Checks here protect memory; the messages a user should read are raised above, in geometry.py and
arrays.py.
"""

cimport numpy as cnp
from libc.stdint cimport int64_t

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    bint PyArray_ISCARRAY(cnp.ndarray)      # C-contiguous, aligned, native, writable
    bint PyArray_ISCARRAY_RO(cnp.ndarray)   # ... or read-only

MAX_STEP = CSEP_MAX_STEP
MAX_THREADS = CSEP_MAX_THREADS
C_VERSION = f"{CSEP_VERSION_MAJOR}.{CSEP_VERSION_MINOR}.{CSEP_VERSION_PATCH}"

if csep_init() != CSEP_OK:
    raise ImportError(
        "CSEP_ISA names an instruction set that is not available here; "
        f"expected one of: {csep_isa_available().decode()}"
    )

cdef int default_threads = 1


def set_default_threads(int n):
    """Set the thread count of calls that name none."""
    global default_threads
    if n < 1 or n > CSEP_MAX_THREADS:
        raise ValueError(f"n: expected 1 .. {CSEP_MAX_THREADS}, got {n}")
    default_threads = n


def get_default_threads():
    """Return the thread count of calls that name none."""
    return default_threads


def isa():
    """Return the name of the instruction set in use."""
    return csep_isa().decode()


def isa_available():
    """Return the names CSEP_ISA may take on this machine, best first."""
    return csep_isa_available().decode().split(", ")


def has_openmp():
    """Return whether the C code was built with OpenMP."""
    return bool(csep_has_openmp())


def fma_probe(int64_t iterations):
    """Run fused multiply-adds in registers and return the floating-point operations done."""
    cdef double flops
    with nogil:
        flops = csep_fma_probe(iterations)
    return flops


def read_probe(const float[::1] array not None, int repeats=1):
    """Read a flat array with vector loads."""
    cdef double total = 0
    with nogil:
        for _ in range(repeats):
            total += csep_read_probe(&array[0], array.shape[0])
    return total


def write_probe(float[::1] array not None, int repeats=1):
    """Write zeros over a flat array with vector stores."""
    with nogil:
        for _ in range(repeats):
            csep_write_probe(&array[0], array.shape[0])


cdef raise_status(csep_status status):
    message = csep_status_string(status).decode()
    if status == CSEP_NO_MEMORY:
        raise MemoryError(message)
    raise ValueError(message)


cdef inline bint is_plain(object array, int ndim) noexcept:
    """Whether array is an ndarray that C may read as it lies."""
    return (
        cnp.PyArray_CheckExact(array)
        and cnp.PyArray_TYPE(<cnp.ndarray>array) == cnp.NPY_FLOAT32
        and cnp.PyArray_NDIM(<cnp.ndarray>array) == ndim
        and PyArray_ISCARRAY_RO(<cnp.ndarray>array)
    )


cdef const float *float_data(object array, int ndim, str name) except NULL:
    if not is_plain(array, ndim):
        raise ValueError(f"{name}: expected a plain C-contiguous float32 array of rank {ndim}")
    return <const float *>cnp.PyArray_DATA(<cnp.ndarray>array)


cdef inline bint overlap(cnp.ndarray a, cnp.ndarray b) noexcept:
    """Whether two contiguous arrays share memory."""
    cdef char *first = <char *>cnp.PyArray_DATA(a)
    cdef char *second = <char *>cnp.PyArray_DATA(b)
    return first < second + cnp.PyArray_NBYTES(b) and second < first + cnp.PyArray_NBYTES(a)


cdef inline int threads_of(num_threads) noexcept:
    """The thread count of a call, or 0 where it needs a second look."""
    if num_threads is None:
        return default_threads
    if type(num_threads) is int and 1 <= num_threads <= CSEP_MAX_THREADS:
        return num_threads
    return 0


cdef inline int64_t step_of(value) noexcept:
    """An int from 1 to the longest step, or 0."""
    return value if type(value) is int and 1 <= value <= CSEP_MAX_STEP else 0


cdef inline bint steps_of(value, int64_t *vertical, int64_t *horizontal) noexcept:
    """Read an int or a tuple of two; False where it needs a second look."""
    if type(value) is tuple and len(value) == 2:
        vertical[0], horizontal[0] = step_of(value[0]), step_of(value[1])
    else:
        vertical[0] = horizontal[0] = step_of(value)
    return vertical[0] > 0 and horizontal[0] > 0


cdef inline cnp.ndarray empty_nhwc(int64_t n, int64_t h, int64_t w, int64_t c):
    cdef cnp.npy_intp dims[4]
    dims[0], dims[1], dims[2], dims[3] = n, h, w, c
    return cnp.PyArray_EMPTY(4, dims, cnp.NPY_FLOAT32, 0)


cdef inline bint fits(out, int64_t n, int64_t h, int64_t w, int64_t c) noexcept:
    """Whether out is a plain writable array of this shape."""
    if not is_plain(out, 4) or not PyArray_ISCARRAY(<cnp.ndarray>out):
        return False
    cdef cnp.npy_intp *dims = cnp.PyArray_DIMS(<cnp.ndarray>out)
    return dims[0] == n and dims[1] == h and dims[2] == w and dims[3] == c


cdef bint read_weights(dw, pw, bias, csep_conv_desc *desc) noexcept:
    """Fill in what the weights fix; False where they need a second look."""
    if not is_plain(dw, 4) or not is_plain(pw, 4):
        return False
    cdef cnp.npy_intp *ds = cnp.PyArray_DIMS(<cnp.ndarray>dw)
    cdef cnp.npy_intp *ps = cnp.PyArray_DIMS(<cnp.ndarray>pw)
    desc.kernel_h, desc.kernel_w, desc.in_channels, desc.channel_multiplier = (
        ds[0], ds[1], ds[2], ds[3]
    )
    desc.out_channels = ps[3]
    if ps[0] != 1 or ps[1] != 1 or ps[2] != ds[2] * ds[3]:
        return False
    return bias is None or (
        is_plain(bias, 1) and cnp.PyArray_DIM(<cnp.ndarray>bias, 0) == ps[3]
    )


cdef bint read_padding(padding, const csep_conv_desc *desc, csep_shape *shape) noexcept:
    """Resolve padding given by name; False where it needs a second look."""
    if type(padding) is not str:
        return False
    if padding == "VALID" or padding == "valid":
        shape.pad_top = shape.pad_bottom = shape.pad_left = shape.pad_right = 0
        return True
    return (padding == "SAME" or padding == "same") and csep_same_padding(desc, shape) == CSEP_OK


def convolve(x, dw, pw, bias, strides, padding, dilations, out, num_threads):
    """Run a separable convolution if nothing about it needs a second look, else return None.

    The quick way of the functional API, for plain arrays and the usual forms of the arguments;
    everything else, each error included, goes the long way through a plan.
    """
    cdef csep_conv_desc desc
    cdef csep_shape shape
    cdef int64_t out_h, out_w
    cdef int threads = threads_of(num_threads)
    if not threads or not is_plain(x, 4) or not read_weights(dw, pw, bias, &desc):
        return None
    cdef cnp.npy_intp *dims = cnp.PyArray_DIMS(<cnp.ndarray>x)
    shape.batch, shape.height, shape.width = dims[0], dims[1], dims[2]
    if (dims[3] != desc.in_channels
            or not steps_of(strides, &desc.stride_h, &desc.stride_w)
            or not steps_of(dilations, &desc.dilation_h, &desc.dilation_w)
            or not read_padding(padding, &desc, &shape)
            or csep_output_size(&desc, &shape, &out_h, &out_w) != CSEP_OK):
        return None
    if out is None:
        out = empty_nhwc(shape.batch, out_h, out_w, desc.out_channels)
    elif not fits(out, shape.batch, out_h, out_w, desc.out_channels):
        return None
    for array in (x, dw, pw, bias):
        if array is not None and overlap(<cnp.ndarray>array, <cnp.ndarray>out):
            return None
    cdef const float *x_data = <const float *>cnp.PyArray_DATA(<cnp.ndarray>x)
    cdef const float *dw_data = <const float *>cnp.PyArray_DATA(<cnp.ndarray>dw)
    cdef const float *pw_data = <const float *>cnp.PyArray_DATA(<cnp.ndarray>pw)
    cdef const float *bias_data = NULL
    if bias is not None:
        bias_data = <const float *>cnp.PyArray_DATA(<cnp.ndarray>bias)
    cdef float *y_data = <float *>cnp.PyArray_DATA(<cnp.ndarray>out)
    cdef csep_status status
    with nogil:
        status = csep_convolve(
            &desc, &shape, dw_data, pw_data, bias_data, x_data, y_data, threads
        )
    if status != CSEP_OK:
        raise_status(status)
    return out


cdef class Plan:
    """Packed weights of one separable convolution, and the last input shape that was resolved.

    ``dw`` is (kh, kw, C, M), ``pw`` (C * M, CO) and ``bias`` (CO,) or None, plain float32.
    """

    cdef csep_plan *plan
    cdef csep_conv_desc desc
    # The last geometry: most callers repeat one shape.
    cdef csep_shape shape
    cdef int64_t out_h, out_w
    cdef bint has_shape

    def __cinit__(self, dw, pw, bias, strides, dilations):
        cdef const float *dw_data = float_data(dw, 4, "dw")
        cdef const float *pw_data = float_data(pw, 2, "pw")
        cdef const float *bias_data = NULL
        if bias is not None:
            bias_data = float_data(bias, 1, "bias")
        self.desc.kernel_h, self.desc.kernel_w = dw.shape[0], dw.shape[1]
        self.desc.in_channels, self.desc.channel_multiplier = dw.shape[2], dw.shape[3]
        self.desc.out_channels = pw.shape[1]
        depth_differs = pw.shape[0] != dw.shape[2] * dw.shape[3]
        if depth_differs or (bias is not None and bias.shape != pw.shape[1:]):
            raise ValueError("dw, pw and bias do not fit together")
        self.desc.stride_h, self.desc.stride_w = strides
        self.desc.dilation_h, self.desc.dilation_w = dilations
        cdef csep_status status
        with nogil:
            status = csep_plan_create(&self.plan, &self.desc, dw_data, pw_data, bias_data)
        if status != CSEP_OK:
            raise_status(status)

    def __dealloc__(self):
        csep_plan_destroy(self.plan)

    def fast(self, x, out, num_threads):
        """Run the call if nothing about it needs a second look, else return None.

        The quick way for x of the last shape; everything else, each error included, goes the long
        way through ``run``.
        """
        cdef int threads = threads_of(num_threads)
        if not threads or not self.has_shape or not is_plain(x, 4):
            return None
        cdef cnp.npy_intp *dims = cnp.PyArray_DIMS(<cnp.ndarray>x)
        if (dims[0] != self.shape.batch or dims[1] != self.shape.height
                or dims[2] != self.shape.width or dims[3] != self.desc.in_channels):
            return None
        if out is None:
            out = empty_nhwc(dims[0], self.out_h, self.out_w, self.desc.out_channels)
        elif (not fits(out, dims[0], self.out_h, self.out_w, self.desc.out_channels)
                or overlap(<cnp.ndarray>x, <cnp.ndarray>out)):
            return None
        self.execute(<cnp.ndarray>x, <cnp.ndarray>out, self.shape, threads)
        return out

    def run(self, x, out, pads, int num_threads):
        """Run for x of any shape; ``pads`` is ((top, bottom), (left, right))."""
        cdef csep_shape shape
        cdef int64_t out_h, out_w
        float_data(x, 4, "x")
        if x.shape[3] != self.desc.in_channels:
            raise ValueError("x: the channels differ from the plan's")
        shape.batch, shape.height, shape.width = x.shape[:3]
        (shape.pad_top, shape.pad_bottom), (shape.pad_left, shape.pad_right) = pads
        cdef csep_status status = csep_output_size(&self.desc, &shape, &out_h, &out_w)
        if status != CSEP_OK:
            raise_status(status)
        if out is None:
            out = empty_nhwc(shape.batch, out_h, out_w, self.desc.out_channels)
        elif not (cnp.PyArray_Check(out) and cnp.PyArray_TYPE(<cnp.ndarray>out) == cnp.NPY_FLOAT32
                  and PyArray_ISCARRAY(<cnp.ndarray>out)
                  and out.shape == (shape.batch, out_h, out_w, self.desc.out_channels)
                  and not overlap(<cnp.ndarray>x, <cnp.ndarray>out)):
            raise ValueError("out: does not fit")
        self.execute(<cnp.ndarray>x, <cnp.ndarray>out, shape, num_threads)
        self.shape, self.out_h, self.out_w, self.has_shape = shape, out_h, out_w, True
        return out

    def scratch_bytes(self, batch, height, width, pads, int num_threads):
        """Return the scratch bytes one thread of such a call uses."""
        cdef csep_shape shape
        shape.batch, shape.height, shape.width = batch, height, width
        (shape.pad_top, shape.pad_bottom), (shape.pad_left, shape.pad_right) = pads
        return csep_scratch_bytes(self.plan, &shape, num_threads)

    @property
    def nbytes(self):
        """Bytes of the packed weights."""
        return csep_plan_bytes(self.plan)

    cdef int execute(self, cnp.ndarray x, cnp.ndarray out, csep_shape shape, int threads) except -1:
        cdef const float *x_data = <const float *>cnp.PyArray_DATA(x)
        cdef float *y_data = <float *>cnp.PyArray_DATA(out)
        cdef csep_status status
        with nogil:
            status = csep_execute(self.plan, &shape, x_data, y_data, threads)
        if status != CSEP_OK:
            raise_status(status)
        return 0
