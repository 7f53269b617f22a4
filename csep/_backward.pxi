# The backward pass: gradients of a loss from that of a convolution's result.
#
# A part of _core.pyx.  C takes images of channels last in the dtype that sums are held in; others
# are converted here, as a whole.


cdef object inward(array, csep_layout layout):
    """A plain image as C takes it, None for None."""
    if array is None:
        return None
    if layout == CSEP_NCHW:
        array = np.moveaxis(array, 1, -1)
    return np.ascontiguousarray(array, np.float64 if array.dtype == np.float64 else np.float32)


cdef dict targets(dict likes, wanted, out):
    """Where each gradient that is wanted is to be in the end: in out's arrays, or fresh ones."""
    cdef dict arrays = {}
    for name in wanted:
        shape, dtype = likes[name]
        if out is None:
            arrays[name] = np.empty(shape, dtype)
            continue
        refuse_out(out[name], shape, dtype)
        arrays[name] = np.asarray(out[name])
    return arrays


cdef int check_targets(dict arrays, tuple inputs) except -1:
    """That gradients share no memory with each other or with what they are made of."""
    cdef list done = []
    for name, array in arrays.items():
        check_apart(array, inputs + tuple(done), f"out[{name!r}]")
        done.append((array, array, name))
    return 0


cdef object given_dtype(value, array):
    """The dtype of weights as they were given, which `array` was made of."""
    return value.dtype.newbyteorder("=") if isinstance(value, np.ndarray) else array.dtype


cdef void *gradient_data(dict arrays, str name) noexcept:
    """Where C is to write a gradient; NULL where it is not wanted."""
    return data_of(arrays.get(name))


@cython.final
cdef class GradientPlan:
    """What a backward pass computes with, kept for weights that stay."""

    cdef csep_gradient_plan *plan

    def __dealloc__(self):
        csep_gradient_plan_destroy(self.plan)


cdef GradientPlan gradient_plan_of(dict plans, const csep_conv_desc *desc,
                                   const csep_weights *weights):
    """The one for so many input channels, of an operator's."""
    cdef GradientPlan made = plans.get(desc.in_channels)
    cdef csep_status status
    if made is None:
        made = GradientPlan.__new__(GradientPlan)
        status = csep_gradient_plan_create(&made.plan, desc, weights)
        if status != CSEP_OK:
            raise_status(status)
        if len(plans) >= MOST_PACKED:
            plans.clear()
        plans[desc.in_channels] = made
    return made


cdef void place_gradients(int kind, csep_kind c_kind, dict written, csep_gradients *into) noexcept:
    """Where C is to write each of them."""
    memset(into, 0, sizeof(csep_gradients))
    into.x = gradient_data(written, "x")
    into.residual = gradient_data(written, "residual")
    into.dw = gradient_data(written, "dw")
    into.bias = gradient_data(written, "bias")
    into.dw_bias = gradient_data(written, "depthwise_bias")
    if c_kind == CSEP_CONV:
        into.w = gradient_data(written, matrix_name(kind))
    elif kind == CSEP_CONV:  # with as many groups as channels, which C takes as depthwise
        into.dw = gradient_data(written, "w")
    else:
        into.pw = gradient_data(written, "pw")


cdef dict gradients_of(Convolution *c, Weights w, tuple weights_given, dict plans, dy, x, residual,
                       wanted, out, int threads):
    """Run one backward pass; return a dict of the gradients that are wanted, by name.

    plans: an operator's, whose weights stay as they are, by number of channels, or None.
    """
    cdef csep_geometry geometry
    cdef csep_weights weights
    cdef csep_gradients gradients
    cdef cnp.npy_intp dims[4]
    cdef int64_t channels
    cdef int rank = c.rank
    cdef tuple axes = x_axes(rank, c.input.layout)
    x_plain, dy_plain = plain(x, "x", axes), plain(dy, "dy", axes)
    residual_plain = None if residual is None else plain(residual, "residual", axes)
    cdef tuple images = ((x_plain, x, "x"), (residual_plain, residual, "residual"))
    likes = {name: (a.shape, a.dtype) for a, _, name in images if a is not None}
    likes |= {name: (a.shape, given_dtype(value, a)) for a, value, name in weights_given
              if a is not None}
    cdef dict arrays = targets(likes, wanted, out)
    if out is not None:
        check_targets(arrays, (*images, *weights_given, (dy_plain, dy, "dy")))
    # From here on no code of the caller's runs.
    if plans is None:
        read_weights(c, w)
        finish_padding(c)
    if not is_plain(x_plain, rank):
        refuse_changed("x")
    check_real(x_plain, "x", c.desc.dtype, "weights")
    c.input.dtype = <csep_dtype>dtype_of(x_plain)
    read_sizes(cnp.PyArray_DIMS(<cnp.ndarray>x_plain), rank, &c.input, &channels)
    if channels != c.desc.in_channels:
        take_channels(c, w, channels, x_plain.shape, "x", &c.desc)
    cdef csep_status status = csep_resolve(&c.desc, &c.input, &geometry)
    if status != CSEP_OK:
        refuse_sizes(c, &c.desc, &c.input, status)
    output_dims(&geometry, rank, c.desc.out_channels, dims)
    check_like_result(c, dy_plain, x_plain, dims, "dy")
    check_like_result(c, residual_plain, x_plain, dims, "residual")
    # As C takes them, and what it writes: the targets themselves where they are like that.
    cdef csep_layout layout = c.input.layout
    x_inside, dy_inside = inward(x_plain, layout), inward(dy_plain, layout)
    residual_inside = inward(residual_plain, layout)
    cdef dict converted = {"x": x_inside, "residual": residual_inside}
    cdef dict plains = {name: a for a, _, name in (*images, *weights_given)}
    cdef dict written = {}
    for name, target in arrays.items():
        inside = converted.get(name, plains[name])
        as_it_is = inside is plains[name] and inside.dtype == target.dtype
        written[name] = target if as_it_is else np.empty_like(inside)
    c.input.layout, c.input.dtype = CSEP_NHWC, c.desc.dtype
    w.into(&weights)
    place_gradients(c.kind, c.desc.kind, written, &gradients)
    cdef GradientPlan plan = None
    if plans is not None:
        plan = gradient_plan_of(plans, &c.desc, &weights)
    cdef const void *x_data = data_of(x_inside)
    cdef const void *dy_data = data_of(dy_inside)
    cdef const void *residual_data = data_of(residual_inside)
    with nogil:
        if plan is None:
            status = csep_backward(&c.desc, &c.input, &weights, x_data, residual_data, dy_data,
                                   &gradients, threads)
        else:
            status = csep_execute_backward(plan.plan, &c.input, x_data, residual_data, dy_data,
                                           &gradients, threads)
    if status != CSEP_OK:
        raise_status(status)
    for name, target in arrays.items():
        if written[name] is not target:
            is_first = layout == CSEP_NCHW and name in converted
            target[...] = np.moveaxis(written[name], -1, 1) if is_first else written[name]
    return arrays


def differentiate(int kind, int rank, dy, x, dw, matrix, depthwise_bias, bias, residual, strides,
                  padding, dilations, depthwise_activation, activation, data_format, wanted, out,
                  num_threads, shared_kernel=False, groups=1):
    """Run one backward pass; return a dict of the gradients that are wanted, by name.

    As `convolve`; ``out`` has an array for each name in ``wanted``, or is None.
    """
    cdef Convolution c
    memset(&c, 0, sizeof(c))
    c.kind, c.rank, c.shared_kernel = kind, rank, read_flag(shared_kernel, "shared_kernel")
    c.groups = whole_number(groups, "groups", 1, CSEP_MAX_STEP, "a positive integer")
    read_settings(&c, strides, padding, "zeros", dilations, depthwise_activation, activation,
                  data_format)
    cdef int threads = read_threads(num_threads)
    cdef Weights w = convert_weights(kind, rank, dw, matrix, depthwise_bias, bias,
                                     depthwise_activation, activation)
    cdef tuple weights_given = ((w.dw, dw, "dw"), (w.matrix, matrix, matrix_name(kind)),
                                (w.depthwise_bias, depthwise_bias, "depthwise_bias"),
                                (w.bias, bias, "bias"))
    return gradients_of(&c, w, weights_given, None, dy, x, residual, wanted, out, threads)
