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


def read_probe(const float[::1] array not None):
    """Read a flat array once with vector loads."""
    cdef double total
    with nogil:
        total = csep_read_probe(&array[0], array.shape[0])
    return total


def write_probe(float[::1] array not None):
    """Write zeros over a flat array with vector stores."""
    with nogil:
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
        cdef int threads
        if not self.has_shape or not is_plain(x, 4):
            return None
        cdef cnp.npy_intp *dims = cnp.PyArray_DIMS(<cnp.ndarray>x)
        if (dims[0] != self.shape.batch or dims[1] != self.shape.height
                or dims[2] != self.shape.width or dims[3] != self.desc.in_channels):
            return None
        if num_threads is None:
            threads = default_threads
        elif type(num_threads) is int and 1 <= num_threads <= CSEP_MAX_THREADS:
            threads = num_threads
        else:
            return None
        if out is None:
            out = self.empty(self.shape.batch, self.out_h, self.out_w)
        elif not self.fits(out) or overlap(<cnp.ndarray>x, <cnp.ndarray>out):
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
            out = self.empty(shape.batch, out_h, out_w)
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

    cdef cnp.ndarray empty(self, int64_t batch, int64_t out_h, int64_t out_w):
        cdef cnp.npy_intp dims[4]
        dims[0], dims[1], dims[2], dims[3] = batch, out_h, out_w, self.desc.out_channels
        return cnp.PyArray_EMPTY(4, dims, cnp.NPY_FLOAT32, 0)

    cdef bint fits(self, out) noexcept:
        """Whether out is a plain writable array of the last output shape."""
        if not is_plain(out, 4) or not PyArray_ISCARRAY(<cnp.ndarray>out):
            return False
        cdef cnp.npy_intp *dims = cnp.PyArray_DIMS(<cnp.ndarray>out)
        return (dims[0] == self.shape.batch and dims[1] == self.out_h
                and dims[2] == self.out_w and dims[3] == self.desc.out_channels)

    cdef int execute(self, cnp.ndarray x, cnp.ndarray out, csep_shape shape, int threads) except -1:
        cdef const float *x_data = <const float *>cnp.PyArray_DATA(x)
        cdef float *y_data = <float *>cnp.PyArray_DATA(out)
        cdef csep_status status
        with nogil:
            status = csep_execute(self.plan, &shape, x_data, y_data, threads)
        if status != CSEP_OK:
            raise_status(status)
        return 0
