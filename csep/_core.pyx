# cython: boundscheck=False, wraparound=False, embedsignature=True, auto_pickle=False
# cython: autotestdict=False
"""The only file that touches C: plans, thread default, probes.

Checks here protect memory; the messages a user should read are raised above, in geometry.py and
arrays.py.
"""

cimport numpy as cnp
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t
from libc.string cimport memset

from csep cimport *

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    bint PyArray_ISCARRAY(cnp.ndarray)      # C-contiguous, aligned, native, writable
    bint PyArray_ISCARRAY_RO(cnp.ndarray)   # ... or read-only
    object PyArray_Empty(int, cnp.npy_intp *, cnp.dtype, int)

MAX_STEP = CSEP_MAX_STEP
MAX_THREADS = CSEP_MAX_THREADS
SEPARABLE, DEPTHWISE, CONV = CSEP_SEPARABLE, CSEP_DEPTHWISE, CSEP_CONV

# Activation by name: its number in C and the alpha it has when none is given.
ACTIVATIONS = {
    "linear": (CSEP_LINEAR, 0.0),
    "relu": (CSEP_RELU, 0.0),
    "relu6": (CSEP_RELU6, 0.0),
    "leaky_relu": (CSEP_LEAKY_RELU, 0.2),
    "elu": (CSEP_ELU, 1.0),
    "sigmoid": (CSEP_SIGMOID, 0.0),
    "tanh": (CSEP_TANH, 0.0),
    "silu": (CSEP_SILU, 0.0),
    "swish": (CSEP_SILU, 0.0),
    "hard_sigmoid": (CSEP_HARD_SIGMOID, 0.0),
    "hard_silu": (CSEP_HARD_SILU, 0.0),
    "hard_swish": (CSEP_HARD_SILU, 0.0),
    "gelu": (CSEP_GELU, 0.0),
    "gelu_tanh": (CSEP_GELU_TANH, 0.0),
}
LAYOUTS = {
    "NHWC": CSEP_NHWC,
    "channels_last": CSEP_NHWC,
    "NCHW": CSEP_NCHW,
    "channels_first": CSEP_NCHW,
}
C_VERSION = csep_version().decode()

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


cdef inline int usual_threads() noexcept:
    """The thread count of a call that names none."""
    cdef int limit = csep_thread_limit()
    return default_threads if default_threads < limit else limit


def get_default_threads():
    """Return the thread count of calls that name none."""
    return usual_threads()


def isa():
    """Return the name of the instruction set in use."""
    return csep_isa().decode()


def isa_available():
    """Return the names CSEP_ISA may take on this machine, best first."""
    return csep_isa_available().decode().split(", ")


def has_openmp():
    """Return whether the C code was built with OpenMP."""
    return bool(csep_has_openmp())


def fma_probe(int64_t iterations, bint double_precision=False):
    """Run fused multiply-adds in registers and return the floating-point operations done."""
    cdef double flops
    cdef csep_dtype dtype = CSEP_F64 if double_precision else CSEP_F32
    with nogil:
        flops = csep_fma_probe(dtype, iterations)
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


# The type number that ml_dtypes has registered for bfloat16, once an array of it was seen.
cdef int bfloat16 = -1


def know_bfloat16(cnp.ndarray array not None):
    """Learn the type number of bfloat16 from an array of it."""
    global bfloat16
    bfloat16 = cnp.PyArray_TYPE(array)


cdef inline int dtype_of(object array) noexcept:
    """The csep_dtype of an ndarray that C may read as it lies, or -1."""
    if not cnp.PyArray_CheckExact(array) or not PyArray_ISCARRAY_RO(<cnp.ndarray>array):
        return -1
    cdef int number = cnp.PyArray_TYPE(<cnp.ndarray>array)
    if number == cnp.NPY_FLOAT32:
        return CSEP_F32
    if number == cnp.NPY_FLOAT64:
        return CSEP_F64
    if number == cnp.NPY_FLOAT16:
        return CSEP_F16
    return CSEP_BF16 if number == bfloat16 else -1


cdef inline csep_dtype real_of(int dtype) noexcept:
    """What sums of that dtype are held in, which is the dtype of weights."""
    return CSEP_F64 if dtype == CSEP_F64 else CSEP_F32


cdef inline bint is_plain(object array, int dtype, int ndim) noexcept:
    return dtype_of(array) == dtype and cnp.PyArray_NDIM(<cnp.ndarray>array) == ndim


cdef inline void *data_of(object array) noexcept:
    """An array's memory; NULL for None."""
    return NULL if array is None else cnp.PyArray_DATA(<cnp.ndarray>array)


cdef inline bint overlap(object a, object b) noexcept:
    """Whether two contiguous arrays share memory; False for None."""
    if a is None or b is None:
        return False
    cdef char *first = <char *>data_of(a)
    cdef char *second = <char *>data_of(b)
    return (first < second + cnp.PyArray_NBYTES(<cnp.ndarray>b)
            and second < first + cnp.PyArray_NBYTES(<cnp.ndarray>a))


cdef inline int threads_of(num_threads) noexcept:
    """The thread count of a call, or 0 where it needs a second look."""
    if num_threads is None:
        return usual_threads()
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


cdef inline bint activation_of(value, csep_activation *activation) noexcept:
    """Read None or a name; False where it needs a second look."""
    if value is None:
        activation.function, activation.alpha = CSEP_LINEAR, 0.0
        return True
    found = ACTIVATIONS.get(value) if type(value) is str else None
    if found is None:
        return False
    activation.function, activation.alpha = <csep_function><int>found[0], found[1]
    return True


cdef inline int layout_of(data_format) noexcept:
    """The csep_layout of a name, or -1."""
    if type(data_format) is not str:
        return -1
    if data_format == "NHWC":
        return CSEP_NHWC
    found = LAYOUTS.get(data_format)
    return -1 if found is None else found


cdef inline void read_shape(object x, csep_layout layout, csep_shape *shape,
                            int64_t *channels) noexcept:
    """Fill in what an array of rank 4 tells."""
    cdef cnp.npy_intp *dims = cnp.PyArray_DIMS(<cnp.ndarray>x)
    cdef int first = 2 if layout == CSEP_NCHW else 1
    shape.layout = layout
    shape.batch, shape.height, shape.width = dims[0], dims[first], dims[first + 1]
    channels[0] = dims[1 if layout == CSEP_NCHW else 3]


cdef inline void output_dims(const csep_shape *shape, int64_t out_h, int64_t out_w, int64_t co,
                             cnp.npy_intp *dims) noexcept:
    cdef int first = 2 if shape.layout == CSEP_NCHW else 1
    dims[0], dims[first], dims[first + 1] = shape.batch, out_h, out_w
    dims[1 if shape.layout == CSEP_NCHW else 3] = co


cdef inline object empty_like(object x, cnp.npy_intp *dims):
    """A fresh array of x's dtype."""
    cdef cnp.dtype descr = (<cnp.ndarray>x).descr
    Py_INCREF(descr)  # which the call takes over
    return PyArray_Empty(4, dims, descr, 0)


cdef inline bint fits(object array, int dtype, const cnp.npy_intp *dims) noexcept:
    """Whether array is a plain one of this dtype and shape."""
    if not is_plain(array, dtype, 4):
        return False
    cdef cnp.npy_intp *own = cnp.PyArray_DIMS(<cnp.ndarray>array)
    return (own[0] == dims[0] and own[1] == dims[1] and own[2] == dims[2] and own[3] == dims[3])


cdef inline bint has_entries(object bias, csep_dtype real, int64_t count) noexcept:
    """Whether bias is None or a plain array of so many."""
    return bias is None or (
        is_plain(bias, real, 1) and cnp.PyArray_DIM(<cnp.ndarray>bias, 0) == count
    )


cdef bint read_weights(int kind, int64_t channels, dw, pw, dw_bias, bias,
                       csep_conv_desc *desc) noexcept:
    """Fill in what weights and input channels fix; False where they need a second look."""
    cdef cnp.npy_intp *dims
    cdef int64_t depth, rows
    desc.kind, desc.in_channels = <csep_kind>kind, channels
    desc.channel_multiplier, desc.shared_kernel = 1, 0
    if kind != CSEP_CONV:
        if not is_plain(dw, desc.dtype, 4):
            return False
        dims = cnp.PyArray_DIMS(<cnp.ndarray>dw)
        if dims[2] != channels and dims[2] != 1:
            return False
        desc.shared_kernel = dims[2] != channels
        desc.kernel_h, desc.kernel_w, desc.channel_multiplier = dims[0], dims[1], dims[3]
        if dims[3] < 1 or channels < 1 or channels > CSEP_MAX_STEP or dims[3] > CSEP_MAX_STEP:
            return False
        depth = desc.out_channels = channels * dims[3]
    if kind != CSEP_DEPTHWISE:
        if is_plain(pw, desc.dtype, 2):
            if kind == CSEP_CONV:
                desc.kernel_h = desc.kernel_w = 1
            dims = cnp.PyArray_DIMS(<cnp.ndarray>pw)
            rows, desc.out_channels = dims[0], dims[1]
        elif is_plain(pw, desc.dtype, 4):
            dims = cnp.PyArray_DIMS(<cnp.ndarray>pw)
            if kind == CSEP_CONV:
                desc.kernel_h, desc.kernel_w = dims[0], dims[1]
            elif dims[0] != 1 or dims[1] != 1:
                return False
            rows, desc.out_channels = dims[2], dims[3]
        else:
            return False
        if rows != (channels if kind == CSEP_CONV else depth):
            return False
    if kind == CSEP_SEPARABLE and not has_entries(dw_bias, desc.dtype, depth):
        return False
    return has_entries(bias, desc.dtype, desc.out_channels)


cdef bint read_padding(padding, const csep_conv_desc *desc, csep_shape *shape) noexcept:
    """Resolve padding given by name; False where it needs a second look."""
    if type(padding) is not str:
        return False
    if padding == "VALID" or padding == "valid":
        shape.pad_top = shape.pad_bottom = shape.pad_left = shape.pad_right = 0
        return True
    return (padding == "SAME" or padding == "same") and csep_same_padding(desc, shape) == CSEP_OK


def convolve(int kind, x, dw, pw, dw_bias, bias, residual, strides, padding, dilations,
             depthwise_activation, activation, data_format, out, num_threads):
    """Run a convolution if nothing about it needs a second look, else return None.

    The quick way of the functional API, for plain arrays and the usual forms of the arguments;
    everything else, each error included, goes the long way through a plan.
    """
    cdef csep_conv_desc desc
    cdef csep_shape shape
    cdef int64_t out_h, out_w, channels
    cdef cnp.npy_intp dims[4]
    cdef int threads = threads_of(num_threads)
    cdef int dtype = dtype_of(x)
    cdef int layout = layout_of(data_format)
    if (not threads or dtype < 0 or layout < 0
            or cnp.PyArray_NDIM(<cnp.ndarray>x) != 4):
        return None
    read_shape(x, <csep_layout>layout, &shape, &channels)
    shape.dtype, desc.dtype = <csep_dtype>dtype, real_of(dtype)
    if (not read_weights(kind, channels, dw, pw, dw_bias, bias, &desc)
            or not steps_of(strides, &desc.stride_h, &desc.stride_w)
            or not steps_of(dilations, &desc.dilation_h, &desc.dilation_w)
            or not activation_of(depthwise_activation, &desc.depthwise_activation)
            or not activation_of(activation, &desc.activation)
            or not read_padding(padding, &desc, &shape)
            or csep_output_size(&desc, &shape, &out_h, &out_w) != CSEP_OK):
        return None
    output_dims(&shape, out_h, out_w, desc.out_channels, dims)
    if residual is not None and not fits(residual, dtype, dims):
        return None
    if out is None:
        out = empty_like(x, dims)
    elif not fits(out, dtype, dims) or not PyArray_ISCARRAY(<cnp.ndarray>out):
        return None
    if (overlap(x, out) or overlap(dw, out) or overlap(pw, out) or overlap(dw_bias, out)
            or overlap(bias, out) or overlap(residual, out)):
        return None
    cdef csep_weights weights
    weights.dw, weights.dw_bias = data_of(dw), data_of(dw_bias)
    weights.pw, weights.bias = data_of(pw), data_of(bias)
    cdef const void *x_data = data_of(x)
    cdef const void *residual_data = data_of(residual)
    cdef void *y_data = data_of(out)
    cdef csep_status status
    with nogil:
        status = csep_convolve(&desc, &shape, &weights, x_data, residual_data, y_data, threads)
    if status != CSEP_OK:
        raise_status(status)
    return out


class NoPlan:
    """In the place of a plan that depends on the next input: nothing is quick."""

    def fast(self, x, residual, out, num_threads):
        """Return None."""
        return None


cdef class Plan:
    """Packed weights of one convolution, and the last input shape that was resolved.

    ``kind`` is SEPARABLE, DEPTHWISE or CONV, ``dw`` (kh, kw, C or 1, M) or None, ``pw`` (C * M, CO)
    or (kh, kw, C, CO) or None, the biases (C * M,) and (CO,) or None; all plain and of one dtype,
    float32 or float64.  Activations are (number, alpha).
    """

    cdef csep_plan *plan
    cdef csep_conv_desc desc
    cdef csep_layout layout
    # The last geometry: most callers repeat one shape.
    cdef csep_shape shape
    cdef int64_t out_h, out_w
    cdef bint has_shape

    def __cinit__(self, int kind, int64_t channels, dw, pw, dw_bias, bias, strides, dilations,
                  depthwise_activation, activation, data_format):
        cdef csep_weights weights
        memset(&self.desc, 0, sizeof(self.desc))
        self.desc.dtype = real_of(dtype_of(pw if dw is None else dw))
        if not read_weights(kind, channels, dw, pw, dw_bias, bias, &self.desc):
            raise ValueError("dw, pw and the biases do not fit together")
        self.layout = <csep_layout><int>LAYOUTS[data_format]
        self.desc.stride_h, self.desc.stride_w = strides
        self.desc.dilation_h, self.desc.dilation_w = dilations
        function, self.desc.depthwise_activation.alpha = depthwise_activation
        self.desc.depthwise_activation.function = <csep_function><int>function
        function, self.desc.activation.alpha = activation
        self.desc.activation.function = <csep_function><int>function
        weights.dw, weights.dw_bias = data_of(dw), data_of(dw_bias)
        weights.pw, weights.bias = data_of(pw), data_of(bias)
        cdef csep_status status
        with nogil:
            status = csep_plan_create(&self.plan, &self.desc, &weights)
        if status != CSEP_OK:
            raise_status(status)

    def __dealloc__(self):
        csep_plan_destroy(self.plan)

    def fast(self, x, residual, out, num_threads):
        """Run the call if nothing about it needs a second look, else return None.

        The quick way for x of the last shape and dtype; everything else, each error included, goes
        the long way through ``run``.
        """
        cdef csep_shape shape
        cdef int64_t channels
        cdef cnp.npy_intp dims[4]
        cdef int threads = threads_of(num_threads)
        if (not threads or not self.has_shape or not is_plain(x, self.shape.dtype, 4)):
            return None
        read_shape(x, self.layout, &shape, &channels)
        if (shape.batch != self.shape.batch or shape.height != self.shape.height
                or shape.width != self.shape.width or channels != self.desc.in_channels):
            return None
        output_dims(&self.shape, self.out_h, self.out_w, self.desc.out_channels, dims)
        if residual is not None and not fits(residual, self.shape.dtype, dims):
            return None
        if out is None:
            out = empty_like(x, dims)
        elif (not fits(out, self.shape.dtype, dims) or not PyArray_ISCARRAY(<cnp.ndarray>out)
                or overlap(x, out) or overlap(residual, out)):
            return None
        self.execute(x, residual, out, self.shape, threads)
        return out

    def run(self, x, residual, out, pads, int num_threads):
        """Run for x of any shape; ``pads`` is ((top, bottom), (left, right))."""
        cdef csep_shape shape
        cdef int64_t out_h, out_w, channels
        cdef cnp.npy_intp dims[4]
        cdef int dtype = dtype_of(x)
        if dtype < 0 or cnp.PyArray_NDIM(<cnp.ndarray>x) != 4:
            raise ValueError("x: expected a plain C-contiguous array of rank 4")
        read_shape(x, self.layout, &shape, &channels)
        if channels != self.desc.in_channels:
            raise ValueError("x: the channels differ from the plan's")
        shape.dtype = <csep_dtype>dtype
        (shape.pad_top, shape.pad_bottom), (shape.pad_left, shape.pad_right) = pads
        cdef csep_status status = csep_output_size(&self.desc, &shape, &out_h, &out_w)
        if status != CSEP_OK:
            raise_status(status)
        output_dims(&shape, out_h, out_w, self.desc.out_channels, dims)
        if residual is not None and not fits(residual, dtype, dims):
            raise ValueError("residual: does not fit")
        if out is None:
            out = empty_like(x, dims)
        elif (not cnp.PyArray_Check(out) or not fits(out.view(type=type(x)), dtype, dims)
                or not PyArray_ISCARRAY(<cnp.ndarray>out)
                or overlap(x, out) or overlap(residual, out)):
            raise ValueError("out: does not fit")
        self.execute(x, residual, out, shape, num_threads)
        self.shape, self.out_h, self.out_w, self.has_shape = shape, out_h, out_w, True
        return out

    def scratch_bytes(self, x, pads, int num_threads):
        """Return the scratch bytes one thread of such a call uses."""
        cdef csep_shape shape
        cdef int64_t channels
        read_shape(x, self.layout, &shape, &channels)
        shape.dtype = <csep_dtype>dtype_of(x)
        (shape.pad_top, shape.pad_bottom), (shape.pad_left, shape.pad_right) = pads
        return csep_scratch_bytes(self.plan, &shape, num_threads)

    @property
    def nbytes(self):
        """Bytes of the packed weights."""
        return csep_plan_bytes(self.plan)

    cdef int execute(self, x, residual, out, csep_shape shape, int threads) except -1:
        cdef const void *x_data = data_of(x)
        cdef const void *residual_data = data_of(residual)
        cdef void *y_data = data_of(out)
        cdef csep_status status
        with nogil:
            status = csep_execute(self.plan, &shape, x_data, residual_data, y_data, threads)
        if status != CSEP_OK:
            raise_status(status)
        return 0
