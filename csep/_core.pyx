# cython: boundscheck=False, wraparound=False, embedsignature=True, auto_pickle=False
# cython: autotestdict=False
"""The only file that touches C: arguments in, plans, calls, probes.

A call goes one way.  ``_arguments.pxi`` turns what the user wrote into C's numbers, `plain` makes
plain arrays, `read_weights` fills in what the weights say, C resolves the sizes,
`check_like_result` and `check_out` look at the other arrays, C runs.  `convolve` does all of it
for the functional API; a `Plan` keeps what an operator's arguments fix, with weights packed for
each number of channels.

All arguments are converted before the first size is read: a conversion may run the caller's code,
which may change any array.  From there to the call of C no Python code runs.
"""

cimport cython
cimport numpy as cnp
from cpython.ref cimport Py_INCREF
from libc.stdint cimport int64_t
from libc.string cimport memset

import math
import os
from numbers import Real

import numpy as np

from csep cimport *

from csep.spec.arrays import array_in, as_plain, is_bfloat16, is_masked, refuse_out, share_memory
from csep.spec.orders import conv_hint, depthwise_hint, pointwise_hint, shared_hint

cnp.import_array()

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        pass

cdef extern from "numpy/arrayobject.h":
    int NPY_USERDEF                         # type numbers from here on are registered ones
    bint PyArray_ISCARRAY(cnp.ndarray)      # C-contiguous, aligned, native, writable
    bint PyArray_ISCARRAY_RO(cnp.ndarray)   # ... or read-only
    object PyArray_Empty(int, cnp.npy_intp *, cnp.dtype, int)
    object PyArray_NewFromDescr(PyTypeObject *, cnp.dtype, int, cnp.npy_intp *, cnp.npy_intp *,
                                void *, int, object)
    PyTypeObject PyArray_Type

MAX_STEP = CSEP_MAX_STEP
MAX_THREADS = CSEP_MAX_THREADS
VERSION = csep_version().decode()

# Operators; a pointwise one is CSEP_CONV in C.
SEPARABLE, DEPTHWISE, CONV, POINTWISE = CSEP_SEPARABLE, CSEP_DEPTHWISE, CSEP_CONV, CSEP_CONV + 1
cdef enum:
    POINTWISE_ = 3

if csep_init() == CSEP_BAD_CACHE:
    raise ImportError(
        "CSEP_CACHE: expected the sizes of L1, L2 and a core's share of L3, such as 32K,512K,16M "
        f"(0 for no L3), got {os.environ.get('CSEP_CACHE')!r}"
    )
if csep_init() == CSEP_BAD_SPIN:
    raise ImportError(
        "CSEP_SPIN: expected how many microseconds a thread spins before it sleeps, a whole number "
        f"from 0 to 1000, got {os.environ.get('CSEP_SPIN')!r}"
    )
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


def caches():
    """Return the bytes of L1, L2 and a core's share of L3 that tile sizes are derived from."""
    return csep_cache_bytes(1), csep_cache_bytes(2), csep_cache_bytes(3)


def processors():
    """Return how many processors this process may use, by its affinity."""
    return csep_processors()


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


include "_arguments.pxi"

# Names of axes, for messages.
cdef tuple IMAGE_NHWC = ("N", "H", "W", "C")
cdef tuple IMAGE_NCHW = ("N", "C", "H", "W")
cdef tuple SEQUENCE_NHWC = ("N", "L", "C")
cdef tuple SEQUENCE_NCHW = ("N", "C", "L")
cdef tuple DW_AXES = ("kh", "kw", "C", "M")
cdef tuple DW_AXES_1D = ("k", "C", "M")
cdef tuple W_AXES = ("kh", "kw", "C", "CO")
cdef tuple W_AXES_1D = ("k", "C", "CO")
cdef tuple BIAS_AXES = ("CO",)
# Of pointwise weights: in two axes, or with those of a 1x1 kernel before; alone, or behind dw.
cdef tuple ALONE = ("C", "CO")
cdef tuple ALONE_1D = ("1", "C", "CO")
cdef tuple ALONE_2D = ("1", "1", "C", "CO")
cdef tuple BEHIND = ("C * M", "CO")
cdef tuple BEHIND_1D = ("1", "C * M", "CO")
cdef tuple BEHIND_2D = ("1", "1", "C * M", "CO")

# How many numbers of channels an operator for any number of them keeps its weights packed for.
cdef enum:
    MOST_PACKED = 16


cdef struct Convolution:
    # What the arguments of an operator say.
    csep_conv_desc desc        # in_channels is -1 while any number will do
    csep_input input           # layout and padding
    int kind
    int rank                   # of x: IMAGE or SEQUENCE
    int padding                # VALID, SAME, CAUSAL or IN_PIXELS
    int64_t kernel_channels    # C of dw: 1 where all channels share a kernel
    bint shared_kernel         # the caller says that they do
    int64_t groups             # of an ordinary convolution


cdef inline tuple x_axes(int rank, csep_layout layout):
    if rank == IMAGE:
        return IMAGE_NCHW if layout == CSEP_NCHW else IMAGE_NHWC
    return SEQUENCE_NCHW if layout == CSEP_NCHW else SEQUENCE_NHWC


# ---- Arrays

# The type number that ml_dtypes has registered for bfloat16, once an array of it was seen.
cdef int bfloat16 = -1


cdef int registered_dtype_of(cnp.ndarray array) except -2:
    """The csep_dtype of an array of a type that some package has registered, or -1."""
    global bfloat16
    if cnp.PyArray_TYPE(array) != bfloat16 and is_bfloat16(array.dtype):
        bfloat16 = cnp.PyArray_TYPE(array)
    return CSEP_BF16 if cnp.PyArray_TYPE(array) == bfloat16 else -1


cdef inline int dtype_of(object array) except -2:
    """The csep_dtype of an ndarray, or -1."""
    cdef int number = cnp.PyArray_TYPE(<cnp.ndarray>array)
    if number == cnp.NPY_FLOAT32:
        return CSEP_F32
    if number == cnp.NPY_FLOAT64:
        return CSEP_F64
    if number == cnp.NPY_FLOAT16:
        return CSEP_F16
    return registered_dtype_of(<cnp.ndarray>array) if number >= NPY_USERDEF else -1


cdef inline bint is_plain(array, int ndim) except -1:
    """Whether C may read an ndarray as it lies, and it has so many axes."""
    return (PyArray_ISCARRAY_RO(<cnp.ndarray>array) and dtype_of(array) >= 0
            and cnp.PyArray_NDIM(<cnp.ndarray>array) == ndim)


cdef inline object plain(value, str name, tuple axes):
    """An array that C may read as it lies; value itself wherever it is one."""
    if cnp.PyArray_CheckExact(value) and is_plain(value, len(axes)):
        return value
    return as_plain(value, name, axes)


cdef inline bint are_reals(array) noexcept:
    """Whether C may read an ndarray as it lies as weights."""
    cdef int number = cnp.PyArray_TYPE(<cnp.ndarray>array)
    return ((number == cnp.NPY_FLOAT32 or number == cnp.NPY_FLOAT64)
            and PyArray_ISCARRAY_RO(<cnp.ndarray>array))


cdef inline object plain_weights(value, str name, tuple axes, tuple others=None):
    """A plain array in the dtype that sums are held in; its axes are these or the others."""
    cdef int ndim
    if cnp.PyArray_CheckExact(value) and are_reals(value):
        ndim = cnp.PyArray_NDIM(<cnp.ndarray>value)
        if ndim == len(axes) or (others is not None and ndim == len(others)):
            return value
    array = as_plain(value, name, axes, others)
    return array if are_reals(array) else array.astype(np.float32)


cdef int refuse_changed(str name) except -1:
    raise ValueError(
        f"{name}: expected an array that stays as it is while the arguments are read, "
        "got one that was changed"
    )


cdef inline csep_dtype real_of(int dtype) noexcept:
    """What sums of that dtype are held in."""
    return CSEP_F64 if dtype == CSEP_F64 else CSEP_F32


cdef refuse_real(array, str name, csep_dtype real, str other):
    wanted = "float64" if real == CSEP_F64 else "float32, float16 or bfloat16"
    came = "float64" if real == CSEP_F64 else "float32"
    hint = f"; write {array_in(name)}.astype('f4')" if array.dtype == np.float64 else ""
    raise TypeError(
        f"{name}: expected {wanted} to go with {other} of {came}, got {array.dtype}{hint}"
    )


cdef inline int check_real(array, str name, csep_dtype real, str other) except -1:
    """That an array can be summed with weights of that dtype."""
    if real_of(dtype_of(array)) != real:
        refuse_real(array, name, real, other)
    return 0


cdef inline void *data_of(object array) noexcept:
    """An array's memory; NULL for None."""
    return NULL if array is None else cnp.PyArray_DATA(<cnp.ndarray>array)


cdef bint touches(cnp.ndarray array, const char *start, const char *end) noexcept:
    """Whether the memory that an array spans, gaps included, reaches between these."""
    cdef const char *low = <const char *>cnp.PyArray_DATA(array)
    cdef const char *high = low + cnp.PyArray_ITEMSIZE(array)
    cdef cnp.npy_intp reach
    cdef int i
    for i in range(cnp.PyArray_NDIM(array)):
        reach = (cnp.PyArray_DIM(array, i) - 1) * cnp.PyArray_STRIDE(array, i)
        if cnp.PyArray_DIM(array, i) == 0:
            return False
        if reach < 0:
            low += reach
        else:
            high += reach
    return low < end and start < high


cdef inline bint near(array, value, const char *start, const char *end) noexcept:
    """Whether an argument may share memory with what lies between: the plain array, or what it was
    made of."""
    cdef const char *own
    if array is None:
        return False
    own = <const char *>cnp.PyArray_DATA(<cnp.ndarray>array)
    if own < end and start < own + cnp.PyArray_NBYTES(<cnp.ndarray>array):
        return True
    return (value is not array and cnp.PyArray_Check(value)
            and touches(<cnp.ndarray>value, start, end))


cdef object slopes_of(activation):
    """What stands beside "prelu", or None."""
    return activation[1] if is_prelu(activation) else None


cdef inline bint near_slopes(slopes, activation, const char *start, const char *end) except -1:
    return slopes is not None and near(slopes, slopes_of(activation), start, end)


cdef int check_apart(out, tuple arguments, str name="out") except -1:
    """That out shares no element with (plain array, what it was made of, name) that are near it."""
    bare = np.asarray(out)  # without the methods of a subclass
    for array, value, other in arguments:
        for one in (array, value):
            if isinstance(one, np.ndarray) and share_memory(bare, np.asarray(one)):
                raise ValueError(
                    f"{name}: expected memory of its own, got an array that overlaps {other}"
                )
    return 0


# ---- Weights

@cython.final
@cython.freelist(8)
@cython.no_gc  # arrays do not refer back to it
cdef class Weights:
    """The arrays of an operator, plain and of one real dtype; None where there is none."""

    cdef object dw, matrix, depthwise_bias, bias, depthwise_slopes, slopes

    cdef int check_unchanged(self, Convolution *c) except -1:
        """That the arrays are still what they were converted to; from here on no Python runs."""
        if self.dw is not None and not are_weights(self.dw, c.rank):
            refuse_changed("dw")
        if self.matrix is not None and not (
            are_weights(self.matrix, c.rank)
            or (c.kind != CSEP_CONV and are_weights(self.matrix, 2))
        ):
            refuse_changed(matrix_name(c.kind))
        check_numbers_unchanged(self.depthwise_bias, "depthwise_bias")
        check_numbers_unchanged(self.bias, "bias")
        check_numbers_unchanged(self.depthwise_slopes, "depthwise_activation")
        check_numbers_unchanged(self.slopes, "activation")
        return 0

    cdef void into(self, csep_weights *c) noexcept:
        memset(c, 0, sizeof(c[0]))
        c.dw = data_of(self.matrix if self.dw is None else self.dw)
        c.dw_bias, c.bias = data_of(self.depthwise_bias), data_of(self.bias)
        c.dw_slopes, c.slopes = data_of(self.depthwise_slopes), data_of(self.slopes)
        c.pw = data_of(self.matrix)
        c.w = c.pw  # C takes the one that its kind has


cdef inline bint are_weights(array, int ndim) noexcept:
    """Whether C may read an array as weights with so many axes."""
    return are_reals(array) and cnp.PyArray_NDIM(<cnp.ndarray>array) == ndim


cdef inline int check_numbers_unchanged(array, str name) except -1:
    """`Weights.check_unchanged` for an array of a number for each channel, or None."""
    if array is not None and not are_weights(array, 1):
        refuse_changed(name)
    return 0


cdef str matrix_name(int kind):
    return "w" if kind == CSEP_CONV else "pw"


cdef inline int check_not_empty(array, str name) except -1:
    if cnp.PyArray_SIZE(<cnp.ndarray>array) == 0:
        raise ValueError(f"{name}: expected no empty axis, got shape {array.shape}")
    return 0


cdef int check_ones(array, str name, tuple axes) except -1:
    """That pointwise weights with the axes of a kernel have those of a 1x1 one."""
    cdef int i
    for i in range(cnp.PyArray_NDIM(<cnp.ndarray>array) - 2):
        if cnp.PyArray_DIM(<cnp.ndarray>array, i) != 1:
            raise ValueError(
                f"{name}: expected shape ({', '.join(axes)}), got {array.shape}"
                + pointwise_hint(array.shape)
            )
    return 0


cdef inline object plain_slopes(activation, str name):
    """The slopes beside "prelu" as a plain array; None for any other activation."""
    if type(activation) is not tuple or not is_prelu(activation):
        return None
    return plain_weights(activation[1], name, BIAS_AXES)


cdef Weights convert_weights(int kind, int rank, dw, matrix, depthwise_bias, bias,
                             depthwise_activation, activation):
    """The arrays of weights as plain ones; nothing is read of them yet."""
    cdef Weights w = Weights.__new__(Weights)
    if kind == CSEP_SEPARABLE or kind == CSEP_DEPTHWISE:
        w.dw = plain_weights(dw, "dw", DW_AXES if rank == IMAGE else DW_AXES_1D)
    if kind == CSEP_SEPARABLE:
        w.matrix = plain_weights(matrix, "pw", BEHIND_2D if rank == IMAGE else BEHIND_1D, BEHIND)
    elif kind == POINTWISE_:
        w.matrix = plain_weights(matrix, "pw", ALONE_2D if rank == IMAGE else ALONE_1D, ALONE)
    elif kind == CSEP_CONV:
        w.matrix = plain_weights(matrix, "w", W_AXES if rank == IMAGE else W_AXES_1D)
    if depthwise_bias is not None:
        w.depthwise_bias = plain_weights(depthwise_bias, "depthwise_bias", BIAS_AXES)
    if bias is not None:
        w.bias = plain_weights(bias, "bias", BIAS_AXES)
    w.depthwise_slopes = plain_slopes(depthwise_activation, "depthwise_activation")
    w.slopes = plain_slopes(activation, "activation")
    return w


cdef int check_numbers(array, str name, int64_t count, csep_dtype real, weights,
                       str of) except -1:
    """That a bias or slopes, if there are any, have so many entries; count -1: any number."""
    if array is None:
        return 0
    check_real(array, name, real, of)
    if count >= 0 and cnp.PyArray_DIM(<cnp.ndarray>array, 0) != count:
        raise ValueError(
            f"{name}: expected shape ({count},) to go with {of} of shape {weights.shape}, "
            f"got {array.shape}"
        )
    return 0


cdef inline void read_kernel(Convolution *c, array, int64_t *outputs) noexcept:
    """Sides and channels of an array of weights, whose last axis is the outputs."""
    cdef cnp.npy_intp *dims = cnp.PyArray_DIMS(<cnp.ndarray>array)
    cdef int last = cnp.PyArray_NDIM(<cnp.ndarray>array) - 1
    c.desc.kernel_h = dims[last - 3] if last > 2 else 1
    c.desc.kernel_w = dims[last - 2] if last > 1 else 1
    c.kernel_channels, outputs[0] = dims[last - 1], dims[last]


cdef int read_depthwise(Convolution *c, dw) except -1:
    """What dw says: kernel, multiplier, and the input channels unless it is shared."""
    check_not_empty(dw, "dw")
    c.desc.dtype = real_of(dtype_of(dw))
    read_kernel(c, dw, &c.desc.channel_multiplier)
    return 0


cdef int read_ordinary(Convolution *c, matrix) except -1:
    """What the weights of a convolution say whose outputs see every input channel."""
    check_not_empty(matrix, matrix_name(c.kind))
    if c.kind == POINTWISE_:
        check_ones(matrix, "pw", ALONE_2D if c.rank == IMAGE else ALONE_1D)
    c.desc.dtype = real_of(dtype_of(matrix))
    c.desc.channel_multiplier = 1
    read_kernel(c, matrix, &c.desc.out_channels)
    if c.desc.out_channels % c.groups:
        raise ValueError(
            f"groups: expected a divisor of the {c.desc.out_channels} outputs of w with shape "
            f"{matrix.shape}, got {c.groups}"
        )
    if c.groups > 1 and c.kernel_channels == 1:
        # One input channel a group: depthwise, and the weights lie in its order, too.
        c.desc.kind = CSEP_DEPTHWISE
        c.desc.channel_multiplier = c.desc.out_channels // c.groups
    else:
        c.desc.groups = c.groups
    c.kernel_channels *= c.groups
    return 0


cdef int64_t read_pointwise_half(Convolution *c, Weights w) except -1:
    """What pw says beside dw; return the input channels, which it tells of a shared kernel."""
    cdef int64_t m = c.desc.channel_multiplier, rows
    check_real(w.matrix, "pw", c.desc.dtype, "dw")
    check_not_empty(w.matrix, "pw")
    check_ones(w.matrix, "pw", BEHIND_2D if c.rank == IMAGE else BEHIND_1D)
    cdef cnp.npy_intp *dims = cnp.PyArray_DIMS(<cnp.ndarray>w.matrix)
    cdef int last = cnp.PyArray_NDIM(<cnp.ndarray>w.matrix) - 1
    rows, c.desc.out_channels = dims[last - 1], dims[last]
    if rows != c.kernel_channels * m and not (c.kernel_channels == 1 and rows % m == 0):
        raise ValueError(
            f"pw: expected {c.kernel_channels * m} rows, C * M of dw with shape {w.dw.shape}, "
            f"got shape {w.matrix.shape}"
        )
    return rows // m


cdef int64_t channels_of_numbers(Convolution *c, Weights w) except -2:
    """The input channels that a bias or slopes tell of a shared kernel; -1 without them."""
    cdef int64_t m = c.desc.channel_multiplier
    cdef int64_t count
    array, name = (w.slopes, "activation") if w.bias is None else (w.bias, "bias")
    if array is None:
        return -1
    count = cnp.PyArray_DIM(<cnp.ndarray>array, 0)
    if count == 0 or count % m:
        raise ValueError(
            f"{name}: expected shape (C * {m},), C * M of dw with shape {w.dw.shape}, "
            f"got {array.shape}"
        )
    return count // m


cdef int read_weights(Convolution *c, Weights w) except -1:
    """Fill in what the weights say; in_channels is -1 where they leave it open."""
    cdef int64_t channels, depth
    w.check_unchanged(c)
    c.desc.kind = CSEP_CONV if c.kind == POINTWISE_ else <csep_kind>c.kind
    if c.desc.kind == CSEP_CONV:
        read_ordinary(c, w.matrix)
    else:
        read_depthwise(c, w.dw)
    channels = c.kernel_channels
    if c.kind == CSEP_SEPARABLE:
        channels = read_pointwise_half(c, w)
    elif c.kind == CSEP_DEPTHWISE and channels == 1:
        channels = channels_of_numbers(c, w)
    depth = channels * c.desc.channel_multiplier if channels >= 0 else -1
    if c.kind == CSEP_SEPARABLE:
        check_numbers(w.depthwise_bias, "depthwise_bias", depth, c.desc.dtype, w.dw, "dw")
        check_numbers(w.depthwise_slopes, "depthwise_activation", depth, c.desc.dtype, w.dw, "dw")
    if c.kind == CSEP_DEPTHWISE:
        check_outputs(c, w, depth, w.dw, "dw")
    else:
        check_outputs(c, w, c.desc.out_channels, w.matrix, matrix_name(c.kind))
    set_channels(&c.desc, c.kernel_channels, channels)
    return 0


cdef int check_outputs(Convolution *c, Weights w, int64_t count, weights, str of) except -1:
    """That bias and slopes of the result have so many entries."""
    check_numbers(w.bias, "bias", count, c.desc.dtype, weights, of)
    return check_numbers(w.slopes, "activation", count, c.desc.dtype, weights, of)


cdef inline void set_channels(csep_conv_desc *desc, int64_t kernel_channels,
                              int64_t channels) noexcept:
    """Fill in what the number of input channels fixes."""
    desc.in_channels = channels
    desc.shared_kernel = kernel_channels != channels and desc.kind != CSEP_CONV
    if desc.kind == CSEP_DEPTHWISE:
        desc.out_channels = channels * desc.channel_multiplier


cdef int read_settings(Convolution *c, strides, padding, mode, dilations, depthwise_activation,
                       activation, data_format) except -1:
    """Fill in everything but the weights."""
    c.input.layout = <csep_layout>read_layout(data_format, c.rank)
    read_steps(strides, "strides", c.rank, c.input.layout, &c.desc.stride_h, &c.desc.stride_w)
    read_steps(dilations, "dilations", c.rank, c.input.layout, &c.desc.dilation_h,
               &c.desc.dilation_w)
    c.padding = read_padding(padding, c.rank, &c.input)
    c.input.padding_mode = <csep_padding_mode>read_mode(mode)
    read_activation(depthwise_activation, "depthwise_activation", &c.desc.depthwise_activation)
    return read_activation(activation, "activation", &c.desc.activation)


cdef int finish_padding(Convolution *c) except -1:
    """CAUSAL in pixels: all before, so that a step sees none that follows it."""
    if c.padding == CAUSAL:
        c.input.pad_left = (c.desc.kernel_w - 1) * c.desc.dilation_w
        if c.input.pad_left > CSEP_MAX_STEP:
            raise ValueError(
                f"padding: expected a causal one of up to {CSEP_MAX_STEP} steps, got "
                f"{c.input.pad_left} for kernel {c.desc.kernel_w}, dilation {c.desc.dilation_w}"
            )
    return 0


# ---- Sizes

cdef inline void read_sizes(const cnp.npy_intp *dims, int rank, csep_input *into,
                            int64_t *channels) noexcept:
    """Batch, height, width and channels of an array of the input's layout."""
    cdef int spatial = 2 if into.layout == CSEP_NCHW else 1
    into.batch = dims[0]
    into.height = dims[spatial] if rank == IMAGE else 1
    into.width = dims[spatial + (rank == IMAGE)]
    channels[0] = dims[1 if into.layout == CSEP_NCHW else rank - 1]


cdef inline void output_dims(const csep_geometry *geometry, int rank, int64_t channels,
                             cnp.npy_intp *dims) noexcept:
    cdef int spatial = 2 if geometry.input.layout == CSEP_NCHW else 1
    dims[0] = geometry.input.batch
    if rank == IMAGE:
        dims[spatial] = geometry.out_h
    dims[spatial + (rank == IMAGE)] = geometry.out_w
    dims[1 if geometry.input.layout == CSEP_NCHW else rank - 1] = channels


cdef tuple tuple_of(const cnp.npy_intp *dims, int rank):
    return tuple([dims[i] for i in range(rank)])


cdef object padding_as_written(const Convolution *c):
    """What `read_padding` turns into this."""
    if c.padding == IN_PIXELS and c.rank == SEQUENCE:
        return c.input.pad_left, c.input.pad_right
    if c.padding == IN_PIXELS:
        return ((c.input.pad_top, c.input.pad_bottom), (c.input.pad_left, c.input.pad_right))
    return {
        VALID: "VALID", SAME: "SAME", SAME_LOWER: "SAME_LOWER", CAUSAL: "CAUSAL"
    }[c.padding]


cdef int64_t side_alone(csep_conv_desc desc, csep_input one, bint vertical) noexcept:
    """Outputs along one side of an input that has no output; 0 where it is the reason."""
    cdef csep_geometry geometry
    if vertical:
        desc.kernel_w = desc.stride_w = desc.dilation_w = one.width = 1
        one.pad_left = one.pad_right = 0
    else:
        desc.kernel_h = desc.stride_h = desc.dilation_h = one.height = 1
        one.pad_top = one.pad_bottom = 0
    one.padding_mode = CSEP_ZEROS
    one.batch = desc.in_channels = desc.channel_multiplier = desc.out_channels = 1
    desc.kind, desc.shared_kernel = CSEP_DEPTHWISE, 0
    if csep_resolve(&desc, &one, &geometry) != CSEP_OK:
        return 0
    return geometry.out_h if vertical else geometry.out_w


cdef int check_border(int rank, const csep_conv_desc *d, csep_input x, str name) except -1:
    """That an input has the pixels that mode fills its padding with."""
    if x.padding_mode == CSEP_ZEROS:
        return 0
    if x.padding != CSEP_EXPLICIT:
        csep_same_padding(d, &x)
    cdef int64_t more = 1 if x.padding_mode == CSEP_REFLECT else 0
    cdef int64_t vertical = max(x.pad_top, x.pad_bottom), horizontal = max(x.pad_left, x.pad_right)
    if x.padding_mode == CSEP_REPLICATE:
        vertical, horizontal = min(vertical, 1), min(horizontal, 1)
    if ((not vertical or x.height >= vertical + more)
            and (not horizontal or x.width >= horizontal + more)):
        return 0
    mode = mode_name(x.padding_mode)
    if rank == SEQUENCE:
        raise ValueError(
            f'{name}: expected a length of at least {horizontal + more} for mode "{mode}" with '
            f"padding ({x.pad_left}, {x.pad_right}), got {x.width}"
        )
    raise ValueError(
        f"{name}: expected a height and width of at least {vertical + more} x {horizontal + more} "
        f'for mode "{mode}" with padding (({x.pad_top}, {x.pad_bottom}), ({x.pad_left}, '
        f"{x.pad_right})), got {x.height} x {x.width}"
    )


cdef refuse_sizes(Convolution *c, const csep_conv_desc *d, const csep_input *x,
                  csep_status status, str name="x"):
    """Say why C finds no output for an input, the argument of that name."""
    if status == CSEP_BAD_ARGUMENT:
        raise ValueError(
            f"{name}: expected sizes of up to {CSEP_MAX_STEP}, got {d.in_channels} channels in and "
            f"{d.out_channels} out for kernel {d.kernel_h} x {d.kernel_w}"
        )
    check_border(c.rank, d, x[0], name)
    cdef int64_t h = side_alone(d[0], x[0], True), w = side_alone(d[0], x[0], False)
    padding = padding_as_written(c)
    if c.rank == IMAGE and (h < 1 or w < 1):
        raise ValueError(
            f"{name}: expected a height and width that the kernel fits into, got {x.height} x "
            f"{x.width} for kernel {d.kernel_h} x {d.kernel_w}, dilations ({d.dilation_h}, "
            f"{d.dilation_w}), padding {padding}: the output would be {h} x {w}"
        )
    if w < 1:
        raise ValueError(
            f"{name}: expected a length that the kernel fits into, got {x.width} for kernel "
            f"{d.kernel_w}, dilation {d.dilation_w}, padding {padding}"
        )
    raise ValueError(
        f"{name}: expected an array and a result that fit into memory, got {x.batch} images of "
        f"{x.height} x {x.width} x {d.in_channels}, which give {h} x {w} x {d.out_channels}"
    )


cdef int refuse_channels(Convolution *c, Weights w, int64_t channels, tuple shape,
                         str name) except -1:
    """Say that an input of that shape, the argument of that name, has not the weights' channels."""
    cdef int64_t wanted = c.desc.in_channels
    weights = w.matrix if w.dw is None else w.dw
    hint = ""
    if channels > 0 and w.dw is not None:
        hint = depthwise_hint(weights.shape, channels)
    elif channels > 0 and c.kind == CSEP_CONV:
        hint = conv_hint(weights.shape, channels)
    raise ValueError(
        f"{name}: expected {wanted if wanted >= 0 else 'at least 1'} channels in "
        f"{layout_name(c.input.layout)} to go with "
        f"{matrix_name(c.kind) if w.dw is None else 'dw'} of shape {weights.shape}, "
        f"got shape {shape}{hint}"
    )


cdef int take_channels(Convolution *c, Weights w, int64_t channels, tuple shape, str name,
                       csep_conv_desc *desc) except -1:
    """Fill in a descriptor's channels, those of an input, where the weights leave them open."""
    if c.desc.in_channels >= 0 or channels < 1:
        refuse_channels(c, w, channels, shape, name)
    if not c.shared_kernel and channels > 1:
        hint = shared_hint(w.dw.shape, channels)
        if hint:
            raise ValueError(
                f"dw: expected shape {DW_AXES if c.rank == IMAGE else DW_AXES_1D} to go with "
                f"{channels} channels, got {w.dw.shape}{hint}"
            )
    set_channels(desc, c.kernel_channels, channels)
    return 0


cdef raise_status(csep_status status):
    message = csep_status_string(status).decode()
    if status == CSEP_NO_MEMORY:
        raise MemoryError(message)
    raise ValueError(message)


# ---- Calls

cdef enum:
    # Results from this size on are placed: NumPy's own memory begins 16 bytes past a cache line,
    # where half of all vectors lie on two lines.  A depthwise convolution of 14x14x512 that reads
    # and writes such arrays takes 1.4 times (AVX2) to 1.6 times (AVX-512) as long.
    PLACED_BYTES = 32768
    # Where x and y are the same distance apart as two pixels, a multiple of a page, they fight for
    # the same lines of L1.  A quarter of a page further is best, by up to 1.4 times.
    PAGE = 4096
    APART = 1024
    LINE = 64


cdef object placed_empty(cnp.ndarray x, int rank, cnp.npy_intp *dims, cnp.npy_intp size):
    """A fresh array of x's dtype at the start of a cache line, in a larger block of bytes."""
    cdef cnp.npy_intp block_size = size + PAGE
    cdef cnp.dtype descr = cnp.PyArray_DescrFromType(cnp.NPY_UINT8)
    Py_INCREF(descr)  # each of the calls takes over one reference
    block = PyArray_Empty(1, &block_size, descr, 0)
    cdef size_t start = <size_t>data_of(block)
    cdef size_t wanted = (<size_t>cnp.PyArray_DATA(x) & ~<size_t>(LINE - 1)) + APART
    cdef void *data = <void *>(start + ((wanted - start) & (PAGE - 1)))
    descr = x.descr
    Py_INCREF(descr)
    y = PyArray_NewFromDescr(&PyArray_Type, descr, rank, dims, NULL, data, cnp.NPY_ARRAY_CARRAY,
                             None)
    cnp.set_array_base(y, block)
    return y


cdef inline object empty_like(object x, int rank, cnp.npy_intp *dims):
    """A fresh array of x's dtype; the product of dims is that of a checked geometry."""
    cdef cnp.npy_intp size = cnp.PyArray_ITEMSIZE(<cnp.ndarray>x)
    cdef int i
    for i in range(rank):
        size *= dims[i]
    if size >= PLACED_BYTES:
        return placed_empty(<cnp.ndarray>x, rank, dims, size)
    cdef cnp.dtype descr = (<cnp.ndarray>x).descr
    Py_INCREF(descr)  # which the call takes over
    return PyArray_Empty(rank, dims, descr, 0)


cdef inline bint has_dims(object array, int rank, const cnp.npy_intp *dims) noexcept:
    cdef int i
    if cnp.PyArray_NDIM(<cnp.ndarray>array) != rank:
        return False
    for i in range(rank):
        if cnp.PyArray_DIM(<cnp.ndarray>array, i) != dims[i]:
            return False
    return True


cdef inline bint can_be_out(object out, object x, int rank, const cnp.npy_intp *dims) noexcept:
    """Whether C may write a result of x's dtype and these sizes there."""
    return (cnp.PyArray_Check(out) and PyArray_ISCARRAY(<cnp.ndarray>out)
            and cnp.PyArray_TYPE(<cnp.ndarray>out) == cnp.PyArray_TYPE(<cnp.ndarray>x)
            and has_dims(out, rank, dims))


cdef int check_like_result(Convolution *c, array, x, const cnp.npy_intp *dims, str name) except -1:
    """That a plain array, if there is one, has x's dtype and the result's sizes."""
    if array is None:
        return 0
    if cnp.PyArray_TYPE(<cnp.ndarray>array) != cnp.PyArray_TYPE(<cnp.ndarray>x):
        raise TypeError(f"{name}: expected dtype {x.dtype} of x, got {array.dtype}")
    if not has_dims(array, c.rank, dims):
        raise ValueError(
            f"{name}: expected shape {tuple_of(dims, c.rank)} of the result, "
            f"got {array.shape}"
        )
    if not is_plain(array, c.rank):
        refuse_changed(name)
    return 0


cdef int check_out(Convolution *c, out, x, const cnp.npy_intp *dims) except -1:
    """That C may write the result to out."""
    if can_be_out(out, x, c.rank, dims) and (cnp.PyArray_CheckExact(out) or not is_masked(out)):
        return 0
    refuse_out(out, tuple_of(dims, c.rank), x.dtype)
    raise TypeError(f"out: expected a plain array of {x.dtype}, got {type(out).__name__}")


def convolve(int kind, int rank, x, dw, matrix, depthwise_bias, bias, residual, strides, padding,
             mode, dilations, depthwise_activation, activation, data_format, out, num_threads,
             shared_kernel=False, groups=1):
    """Run one convolution: the functional API.

    ``rank`` is that of x, 4 for images and 3 for sequences; ``matrix`` is pw or w.  What a kind has
    no use for is None, or 1, "VALID" and "zeros".
    """
    cdef Convolution c
    cdef csep_geometry geometry
    cdef csep_weights weights
    cdef cnp.npy_intp dims[4]
    cdef int64_t channels
    cdef const char *start
    cdef const char *end
    memset(&c, 0, sizeof(c))
    c.kind, c.rank, c.shared_kernel = kind, rank, read_flag(shared_kernel, "shared_kernel")
    c.groups = whole_number(groups, "groups", 1, CSEP_MAX_STEP, "a positive integer")
    read_settings(&c, strides, padding, mode, dilations, depthwise_activation, activation,
                  data_format)
    cdef int threads = read_threads(num_threads)
    cdef tuple axes = x_axes(rank, c.input.layout)
    x_plain = plain(x, "x", axes)
    cdef Weights w = convert_weights(kind, rank, dw, matrix, depthwise_bias, bias,
                                     depthwise_activation, activation)
    residual_plain = None if residual is None else plain(residual, "residual", axes)
    if out is not None and cnp.PyArray_Check(out):
        start = <const char *>data_of(out)
        end = start + cnp.PyArray_NBYTES(<cnp.ndarray>out)
        if (near(x_plain, x, start, end) or near(residual_plain, residual, start, end)
                or near(w.dw, dw, start, end) or near(w.matrix, matrix, start, end)
                or near(w.depthwise_bias, depthwise_bias, start, end)
                or near(w.bias, bias, start, end)
                or near_slopes(w.depthwise_slopes, depthwise_activation, start, end)
                or near_slopes(w.slopes, activation, start, end)):
            check_apart(out, (
                (x_plain, x, "x"),
                (residual_plain, residual, "residual"),
                (w.dw, dw, "dw"),
                (w.matrix, matrix, matrix_name(kind)),
                (w.depthwise_bias, depthwise_bias, "depthwise_bias"),
                (w.bias, bias, "bias"),
                (w.depthwise_slopes, slopes_of(depthwise_activation), "depthwise_activation"),
                (w.slopes, slopes_of(activation), "activation"),
            ))
    # From here on no Python code runs.
    read_weights(&c, w)
    finish_padding(&c)
    if not is_plain(x_plain, rank):
        refuse_changed("x")
    check_real(x_plain, "x", c.desc.dtype, "weights")
    c.input.dtype = <csep_dtype>dtype_of(x_plain)
    read_sizes(cnp.PyArray_DIMS(<cnp.ndarray>x_plain), rank, &c.input, &channels)
    if channels != c.desc.in_channels:
        take_channels(&c, w, channels, x_plain.shape, "x", &c.desc)
    cdef csep_status status = csep_resolve(&c.desc, &c.input, &geometry)
    if status != CSEP_OK:
        refuse_sizes(&c, &c.desc, &c.input, status)
    output_dims(&geometry, rank, c.desc.out_channels, dims)
    check_like_result(&c, residual_plain, x_plain, dims, "residual")
    if out is None:
        out = empty_like(x_plain, rank, dims)
    else:
        check_out(&c, out, x_plain, dims)
    w.into(&weights)
    cdef const void *x_data = data_of(x_plain)
    cdef const void *residual_data = data_of(residual_plain)
    cdef void *y_data = data_of(out)
    with nogil:
        status = csep_convolve_resolved(&c.desc, &geometry, &weights, x_data, residual_data, y_data,
                                        threads)
    if status != CSEP_OK:
        raise_status(status)
    return out


@cython.final
cdef class Packed:
    """Packed weights for one number of input channels."""

    cdef csep_plan *plan
    cdef csep_conv_desc desc

    def __dealloc__(self):
        csep_plan_destroy(self.plan)


cdef Packed pack(const csep_conv_desc *desc, Weights weights):
    cdef Packed packed = Packed.__new__(Packed)
    cdef csep_weights c
    cdef csep_status status
    packed.desc = desc[0]
    weights.into(&c)
    with nogil:
        status = csep_plan_create(&packed.plan, &packed.desc, &c)
    if status != CSEP_OK:
        raise_status(status)
    return packed


cdef bint is_memory_of_bytes(array):
    """Whether nobody can change, resize or make writable an array, as its memory is that of bytes:
    those of files are."""
    base = array
    while type(base) is np.ndarray:
        base = base.base
    return type(base) is bytes and PyArray_ISCARRAY_RO(array)


cdef object own(array, bint as_matrix=False):
    """The array if it is the memory of bytes, or a copy that is.
    as_matrix: of the last two axes, the others being 1."""
    if array is None:
        return None
    cdef tuple shape = array.shape
    if as_matrix:
        shape = shape[len(shape) - 2:]
    if is_memory_of_bytes(array):
        return array.reshape(shape)
    return np.frombuffer(array.tobytes(), array.dtype).reshape(shape)


cdef object shown_weights(array):
    """A view for the user, who may set its shape."""
    return None if array is None else array.view()


cdef class Plan:
    """What an operator's arguments fix, checked and packed; arguments as in `convolve`.

    A depthwise kernel that all channels share may be meant for any number of them: it is packed for
    each number that comes, and the last ones are kept.
    """

    cdef Convolution c
    cdef Weights weights
    cdef Packed last
    cdef dict others
    cdef dict gradient_plans

    def __cinit__(self, int kind, int rank, dw, matrix, depthwise_bias, bias, strides, padding,
                  mode, dilations, depthwise_activation, activation, data_format,
                  shared_kernel=False, groups=1):
        self.c.kind, self.c.rank = kind, rank
        self.c.shared_kernel = read_flag(shared_kernel, "shared_kernel")
        self.c.groups = whole_number(groups, "groups", 1, CSEP_MAX_STEP, "a positive integer")
        read_settings(&self.c, strides, padding, mode, dilations, depthwise_activation, activation,
                      data_format)
        cdef Weights given = convert_weights(kind, rank, dw, matrix, depthwise_bias, bias,
                                             depthwise_activation, activation)
        given.check_unchanged(&self.c)
        if kind == CSEP_SEPARABLE:
            check_ones(given.matrix, "pw", BEHIND_2D if rank == IMAGE else BEHIND_1D)
        elif kind == POINTWISE_:
            check_ones(given.matrix, "pw", ALONE_2D if rank == IMAGE else ALONE_1D)
        self.weights = Weights.__new__(Weights)
        self.weights.dw = own(given.dw)
        self.weights.matrix = own(given.matrix, kind == CSEP_SEPARABLE or kind == POINTWISE_)
        self.weights.depthwise_bias, self.weights.bias = own(given.depthwise_bias), own(given.bias)
        self.weights.depthwise_slopes = own(given.depthwise_slopes)
        self.weights.slopes = own(given.slopes)
        read_weights(&self.c, self.weights)
        finish_padding(&self.c)
        self.others, self.gradient_plans = {}, {}
        if self.c.desc.in_channels >= 0:
            self.last = pack(&self.c.desc, self.weights)

    cdef int describe(self, int64_t channels, tuple shape, str name,
                      csep_conv_desc *desc) except -1:
        """The descriptor for so many input channels, as the argument of that shape has them."""
        desc[0] = self.c.desc
        if channels != desc.in_channels:
            take_channels(&self.c, self.weights, channels, shape, name, desc)
        return 0

    cdef Packed packed_for(self, int64_t channels):
        """The weights that are packed for so many input channels, or None."""
        cdef Packed packed = self.last
        if packed is None or packed.desc.in_channels != channels:
            packed = self.others.get(channels)
            if packed is not None:
                self.last = packed
        return packed

    cdef Packed pack_for(self, const csep_conv_desc *desc):
        cdef Packed packed = pack(desc, self.weights)
        if len(self.others) >= MOST_PACKED:
            self.others.clear()
        self.others[desc.in_channels] = packed
        self.last = packed
        return packed

    def run(self, x, residual, out, num_threads):
        """Run the operator on x."""
        cdef csep_input sizes = self.c.input
        cdef csep_conv_desc desc
        cdef csep_geometry geometry
        cdef cnp.npy_intp dims[4]
        cdef cnp.npy_intp x_dims[4]
        cdef int64_t channels
        cdef const char *start
        cdef const char *end
        cdef int i, rank = self.c.rank
        cdef int threads = read_threads(num_threads)
        cdef tuple axes = x_axes(rank, sizes.layout)
        x_plain = plain(x, "x", axes)
        residual_plain = None if residual is None else plain(residual, "residual", axes)
        if out is not None and cnp.PyArray_Check(out):
            start = <const char *>data_of(out)
            end = start + cnp.PyArray_NBYTES(<cnp.ndarray>out)
            if near(x_plain, x, start, end) or near(residual_plain, residual, start, end):
                check_apart(out, ((x_plain, x, "x"), (residual_plain, residual, "residual")))
        # From here on no Python code runs, but for that of other threads while weights are packed.
        if not is_plain(x_plain, rank):
            refuse_changed("x")
        for i in range(rank):
            x_dims[i] = cnp.PyArray_DIM(<cnp.ndarray>x_plain, i)
        read_sizes(x_dims, rank, &sizes, &channels)
        sizes.dtype = <csep_dtype>dtype_of(x_plain)
        cdef Packed packed = self.packed_for(channels)
        cdef csep_status status
        if packed is None:
            self.describe(channels, tuple_of(x_dims, rank), "x", &desc)
        check_real(x_plain, "x", self.c.desc.dtype, "weights")
        if packed is None:
            status = csep_resolve(&desc, &sizes, &geometry)
        else:
            desc.out_channels = packed.desc.out_channels
            status = csep_plan_resolve(packed.plan, &sizes, &geometry)
        if status != CSEP_OK:
            self.describe(channels, tuple_of(x_dims, rank), "x", &desc)
            refuse_sizes(&self.c, &desc, &sizes, status)
        output_dims(&geometry, rank, desc.out_channels, dims)
        check_like_result(&self.c, residual_plain, x_plain, dims, "residual")
        if out is None:
            out = empty_like(x_plain, rank, dims)
        else:
            check_out(&self.c, out, x_plain, dims)
        if sizes.batch == 0:
            return out
        if packed is None:
            packed = self.pack_for(&desc)
            if not is_plain(x_plain, rank) or not has_dims(x_plain, rank, x_dims):
                refuse_changed("x")
            check_like_result(&self.c, residual_plain, x_plain, dims, "residual")
            check_out(&self.c, out, x_plain, dims)
        cdef const void *x_data = data_of(x_plain)
        cdef const void *residual_data = data_of(residual_plain)
        cdef void *y_data = data_of(out)
        with nogil:
            status = csep_execute_resolved(packed.plan, &geometry, x_data, residual_data, y_data,
                                           threads)
        if status != CSEP_OK:
            raise_status(status)
        return out

    def backward(self, dy, x, residual, wanted, out, num_threads):
        """Return a dict of the gradients that are wanted, as `differentiate`."""
        cdef Convolution c = self.c
        cdef Weights w = self.weights
        if c.input.padding_mode != CSEP_ZEROS:
            raise ValueError(
                'mode: expected "zeros" in a backward pass, got an operator with '
                f'"{mode_name(c.input.padding_mode)}"'
            )
        cdef tuple given = ((w.dw, w.dw, "dw"), (w.matrix, w.matrix, matrix_name(c.kind)),
                            (w.depthwise_bias, w.depthwise_bias, "depthwise_bias"),
                            (w.bias, w.bias, "bias"))
        return gradients_of(&c, w, given, self.gradient_plans, dy, x, residual, wanted, out,
                            read_threads(num_threads))

    def output_shape(self, tuple shape):
        """Return the shape of the result for an input_shape, a tuple of ints."""
        cdef csep_conv_desc desc
        cdef csep_input sizes = self.c.input
        cdef csep_geometry geometry
        cdef cnp.npy_intp dims[4]
        cdef int64_t channels
        cdef int i
        for i in range(self.c.rank):
            dims[i] = shape[i]
        read_sizes(dims, self.c.rank, &sizes, &channels)
        self.describe(channels, shape, "input_shape", &desc)
        sizes.dtype = desc.dtype
        cdef csep_status status = csep_resolve(&desc, &sizes, &geometry)
        if status != CSEP_OK:
            refuse_sizes(&self.c, &desc, &sizes, status, "input_shape")
        output_dims(&geometry, self.c.rank, desc.out_channels, dims)
        return tuple_of(dims, self.c.rank)

    def scratch_bytes(self, x, int num_threads):
        """Return the scratch bytes one thread of a call uses; for weights that were packed."""
        cdef csep_input sizes = self.c.input
        cdef int64_t channels
        x = plain(x, "x", x_axes(self.c.rank, self.c.input.layout))
        sizes.dtype = <csep_dtype>dtype_of(x)
        read_sizes(cnp.PyArray_DIMS(<cnp.ndarray>x), self.c.rank, &sizes, &channels)
        cdef Packed packed = self.packed_for(channels)
        return 0 if packed is None else csep_scratch_bytes(packed.plan, &sizes, num_threads)

    # What it was made of, in one form.

    @property
    def dw(self):
        """Depthwise weights, or None."""
        return shown_weights(self.weights.dw)

    @property
    def matrix(self):
        """Pointwise weights as (rows, CO), or ordinary ones, or None."""
        return shown_weights(self.weights.matrix)

    @property
    def depthwise_bias(self):
        """Bias between the stages, or None."""
        return shown_weights(self.weights.depthwise_bias)

    @property
    def bias(self):
        """Bias of the result, or None."""
        return shown_weights(self.weights.bias)

    @property
    def shared_kernel(self):
        """Whether the caller said that all channels share a kernel."""
        return bool(self.c.shared_kernel)

    @property
    def groups(self):
        """Groups of an ordinary convolution."""
        return self.c.groups

    @property
    def kernel_size(self):
        """Kernel height and width."""
        return self.c.desc.kernel_h, self.c.desc.kernel_w

    @property
    def channels(self):
        """Input channels; None where any number will do."""
        return None if self.c.desc.in_channels < 0 else self.c.desc.in_channels

    @property
    def filters(self):
        """Output channels; None where they depend on the input's."""
        return None if self.c.desc.in_channels < 0 else self.c.desc.out_channels

    @property
    def channel_multiplier(self):
        """Depthwise outputs per input channel."""
        return self.c.desc.channel_multiplier if self.c.kind != CSEP_CONV else 1

    @property
    def strides(self):
        """(height, width)."""
        return self.c.desc.stride_h, self.c.desc.stride_w

    @property
    def dilations(self):
        """(height, width)."""
        return self.c.desc.dilation_h, self.c.desc.dilation_w

    @property
    def padding(self):
        """As it was written, in one form."""
        return padding_as_written(&self.c)

    @property
    def mode(self):
        """What padding holds."""
        return mode_name(self.c.input.padding_mode)

    @property
    def data_format(self):
        """"NHWC" or "NCHW"."""
        return layout_name(self.c.input.layout)

    @property
    def depthwise_activation(self):
        """Name, or name and alpha or slopes, or None."""
        return activation_name(&self.c.desc.depthwise_activation,
                               shown_weights(self.weights.depthwise_slopes))

    @property
    def activation(self):
        """Name, or name and alpha or slopes, or None."""
        return activation_name(&self.c.desc.activation, shown_weights(self.weights.slopes))

    @property
    def nbytes(self):
        """Bytes of the weights that were packed last."""
        return 0 if self.last is None else csep_plan_bytes(self.last.plan)

    @property
    def packed_count(self):
        """For how many numbers of channels weights are kept packed, beside the first."""
        return len(self.others)


include "_backward.pxi"
include "_network.pxi"
