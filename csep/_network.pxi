# Networks: a list of steps becomes C's.
#
# A part of _core.pyx.  What a user writes is read and checked by the package's network/, which is
# the only caller; here it is turned into C's structs, and C checks it once more.

from libc.stdlib cimport calloc, free

cdef tuple STEPS_WITH_ACTIVATION = (CSEP_STEP_ADD, CSEP_STEP_MULTIPLY)

CONVOLVE, ADD, MULTIPLY = CSEP_STEP_CONVOLVE, CSEP_STEP_ADD, CSEP_STEP_MULTIPLY
MAX_POOL, AVERAGE_POOL = CSEP_STEP_MAX_POOL, CSEP_STEP_AVERAGE_POOL
GLOBAL_MAX, GLOBAL_AVERAGE = CSEP_STEP_GLOBAL_MAX, CSEP_STEP_GLOBAL_AVERAGE
CONCAT, NEAREST, BILINEAR = CSEP_STEP_CONCAT, CSEP_STEP_NEAREST, CSEP_STEP_BILINEAR
PAD, SOFTMAX, RESHAPE = CSEP_STEP_PAD, CSEP_STEP_SOFTMAX, CSEP_STEP_RESHAPE
MAX_ADDED, MAX_STEPS = CSEP_MAX_ADDED, CSEP_MAX_STEPS


@cython.final
cdef class StepList:
    """C's steps, with the memory and the objects they point to."""

    cdef csep_step *steps
    cdef int count
    cdef object dtype
    cdef list kept     # plans and arrays
    cdef list blocks   # of memory, as numbers

    def __cinit__(self, int count, bint double_precision):
        self.kept, self.blocks, self.count = [], [], count
        self.dtype = np.dtype(np.float64 if double_precision else np.float32)
        self.steps = <csep_step *>self.block(count * sizeof(csep_step))

    def __dealloc__(self):
        for address in self.blocks:
            free(<void *><size_t>address)

    cdef void *block(self, size_t size) except NULL:
        cdef void *memory = calloc(max(size, 1), 1)
        if memory == NULL:
            raise MemoryError
        self.blocks.append(<size_t>memory)
        return memory

    cdef const void *numbers(self, array, int64_t channels) except? NULL:
        """A step's array, a number for each channel, which is kept; NULL for None."""
        if array is None:
            return NULL
        if (not isinstance(array, np.ndarray) or array.shape != (channels,)
                or array.dtype != self.dtype or not array.flags.c_contiguous):
            raise ValueError(f"expected {channels} numbers, one for each channel, of {self.dtype}, "
                             f"got {shown(array)}")
        self.kept.append(array)
        return data_of(array)

    cdef int set(self, int index, step, int64_t channels) except -1:
        """Fill in a step: (kind, sources, settings)."""
        cdef csep_step *s = &self.steps[index]
        cdef dict settings = step[2]
        cdef int *sources
        cdef const void **scales
        s.kind = <csep_step_kind><int>step[0]
        s.source_count = len(step[1])
        sources = <int *>self.block(s.source_count * sizeof(int))
        for i, source in enumerate(step[1]):
            sources[i] = source
        s.sources = sources
        s.channels = channels
        if "plan" in settings:
            self.set_plan(s, settings["plan"], channels)
        if "window" in settings:
            s.window_h, s.window_w = settings["window"]
            s.stride_h, s.stride_w = settings["strides"]
        if "padding" in settings:
            read_padding(settings["padding"], IMAGE, &s.input)
        if "border" in settings:
            (s.input.pad_top, s.input.pad_bottom), (s.input.pad_left, s.input.pad_right) = (
                settings["border"])
        if "size" in settings:
            s.height, s.width = settings["size"]
        if "factor" in settings:
            s.factor_h, s.factor_w = settings["factor"]
        if "shape" in settings:
            s.height, s.width, s.channels = settings["shape"]
        if settings.get("scales") is not None:
            if len(settings["scales"]) != s.source_count:
                raise ValueError(f"expected {s.source_count} scales, got {len(settings['scales'])}")
            scales = <const void **>self.block(s.source_count * sizeof(void *))
            for i, scale in enumerate(settings["scales"]):
                scales[i] = self.numbers(scale, channels)
            s.scales = scales
        s.shift = self.numbers(settings.get("shift"), channels)
        if s.kind in STEPS_WITH_ACTIVATION:
            activation = settings.get("activation")
            read_activation(activation, "activation", &s.activation)
            s.slopes = self.numbers(slopes_of(activation), channels)
        return 0

    cdef int set_plan(self, csep_step *s, Plan plan, int64_t channels) except -1:
        """The convolution of a plan, with weights packed for so many input channels."""
        cdef csep_conv_desc desc
        cdef Packed packed = plan.packed_for(channels)
        if packed is None:
            plan.describe(channels, (None, None, None, channels), "x", &desc)
            packed = plan.pack_for(&desc)
        self.kept.append(packed)
        s.plan = packed.plan
        s.input = plan.c.input
        return 0


cdef class Network:
    """Steps that run in one call of C.

    Parameters
    ----------
    double_precision : bool
    inputs : int
        How many.
    steps : list of (kind, sources, settings, channels)
        Arrays among the settings are C-contiguous, of the network's dtype; channels are those of
        the first source, of a pointwise sum those of its arrays.
    outputs : list of int
        Values.
    """

    cdef csep_network *network
    cdef list kept
    cdef readonly int inputs, values

    def __cinit__(self, bint double_precision, int inputs, list steps, list outputs):
        cdef StepList made = StepList(len(steps), double_precision)
        cdef int *numbers = <int *>made.block(len(outputs) * sizeof(int))
        for i, output in enumerate(outputs):
            numbers[i] = output
        for i, step in enumerate(steps):
            made.set(i, step, step[3])
        cdef csep_status status = csep_network_create(
            &self.network, CSEP_F64 if double_precision else CSEP_F32, inputs, made.steps,
            made.count, numbers, len(outputs))
        if status != CSEP_OK:
            raise_status(status)
        self.kept = [kept for kept in made.kept if isinstance(kept, Packed)]
        self.inputs, self.values = inputs, inputs + len(steps)

    def __dealloc__(self):
        csep_network_destroy(self.network)

    cdef int read_shapes(self, shapes, csep_shape *into) except -1:
        for i in range(self.inputs):
            into[i].batch, into[i].height, into[i].width, into[i].channels = shapes[i]
        return 0

    def shapes(self, list inputs):
        """Return the shapes of all values, or the number of the step that cannot be computed."""
        cdef int bad_step = -1
        cdef size_t count = self.inputs + self.values
        cdef csep_shape *memory = <csep_shape *>calloc(count, sizeof(csep_shape))
        if memory == NULL:
            raise MemoryError
        cdef csep_shape *values = memory + self.inputs
        try:
            self.read_shapes(inputs, memory)
            if csep_network_shapes(self.network, memory, values, &bad_step) != CSEP_OK:
                return bad_step
            return [(values[i].batch, values[i].height, values[i].width, values[i].channels)
                    for i in range(self.values)]
        finally:
            free(memory)

    def run(self, list x, list shapes, list y, num_threads):
        """Run all steps: plain arrays for the inputs, of these shapes, and for the outputs."""
        cdef int threads = read_threads(num_threads), count = len(y)
        cdef csep_status status
        cdef size_t size = self.inputs * (sizeof(csep_shape) + sizeof(void *)) + (
            count * sizeof(void *))
        cdef csep_shape *sides = <csep_shape *>calloc(size, 1)
        if sides == NULL:
            raise MemoryError
        cdef const void **x_data = <const void **>(sides + self.inputs)
        cdef void **y_data = <void **>(x_data + self.inputs)
        try:
            self.read_shapes(shapes, sides)
            for i in range(self.inputs):
                x_data[i] = data_of(x[i])
            for i in range(count):
                y_data[i] = data_of(y[i])
            with nogil:
                status = csep_network_execute(self.network, sides, x_data, y_data, threads)
        finally:
            free(sides)
        if status != CSEP_OK:
            raise_status(status)

    def arena_bytes(self, list shapes):
        """Return the bytes of memory for what lies between inputs and outputs."""
        cdef csep_shape *sides = <csep_shape *>calloc(self.inputs, sizeof(csep_shape))
        if sides == NULL:
            raise MemoryError
        try:
            self.read_shapes(shapes, sides)
            return csep_network_arena_bytes(self.network, sides)
        finally:
            free(sides)
