# The backward pass: gradients of a loss from that of a convolution's result.
#
# A part of _core.pyx.  functional/backward.py, the only caller, gives images of channels last in
# the weights' dtype; what a user wrote of the rest is read here.


cdef void *gradient_data(dict arrays, str name) noexcept:
    """Where C is to write a gradient; NULL where it is not wanted."""
    array = arrays.get(name)
    return NULL if array is None else data_of(array)


cdef int check_gradients(dict arrays, tuple inputs) except -1:
    """That gradients share no memory with each other or with what they are made of."""
    cdef list names = list(arrays)
    for i, name in enumerate(names):
        for other in names[:i]:
            if share_memory(arrays[name], arrays[other]):
                raise ValueError(f"out: {name} overlaps {other}")
        for array, given in inputs:
            if array is not None and share_memory(arrays[name], np.asarray(array)):
                raise ValueError(f"out: {name} overlaps {given}")
    return 0


cdef dict gradient_arrays(dict likes, wanted, out):
    """An array for each gradient that is wanted: one of out's, or a fresh one."""
    cdef dict arrays = {}
    for name in wanted:
        like = likes[name]
        if out is None:
            arrays[name] = np.empty(like.shape, like.dtype)
            continue
        if name not in out:
            raise ValueError(f"out: expected an array for {name}")
        refuse_out(out[name], like.shape, like.dtype)
        arrays[name] = np.asarray(out[name])
    return arrays


def differentiate(int kind, int rank, dy, x, dw, matrix, depthwise_bias, bias, residual, strides,
                  padding, dilations, depthwise_activation, activation, data_format, wanted, out,
                  num_threads, shared_kernel=False, groups=1):
    """Run one backward pass; return a dict of the gradients that are wanted, by name.

    As `convolve`; x, dy and residual are of channels last and of the weights' dtype.  ``out`` is a
    dict of arrays to write to, or None.
    """
    cdef Convolution c
    cdef csep_geometry geometry
    cdef csep_weights weights
    cdef csep_gradients gradients
    cdef cnp.npy_intp dims[4]
    cdef int64_t channels
    memset(&c, 0, sizeof(c))
    c.kind, c.rank, c.shared_kernel = kind, rank, read_flag(shared_kernel, "shared_kernel")
    c.groups = whole_number(groups, "groups", 1, CSEP_MAX_STEP, "a positive integer")
    read_settings(&c, strides, padding, "zeros", dilations, depthwise_activation, activation,
                  data_format)
    cdef int threads = read_threads(num_threads)
    cdef tuple axes = x_axes(rank, c.input.layout)
    x_plain, dy_plain = plain(x, "x", axes), plain(dy, "dy", axes)
    cdef Weights w = convert_weights(kind, rank, dw, matrix, depthwise_bias, bias,
                                     depthwise_activation, activation)
    residual_plain = None if residual is None else plain(residual, "residual", axes)
    likes = {"x": x_plain, "dw": w.dw, matrix_name(kind): w.matrix, "bias": w.bias,
             "depthwise_bias": w.depthwise_bias, "residual": residual_plain}
    cdef dict arrays = gradient_arrays(likes, wanted, out)
    if out is not None:
        check_gradients(arrays, ((x_plain, "x"), (dy_plain, "dy"), (residual_plain, "residual"),
                                 (w.dw, "dw"), (w.matrix, matrix_name(kind)), (w.bias, "bias"),
                                 (w.depthwise_bias, "depthwise_bias")))
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
    check_like_result(&c, dy_plain, x_plain, dims, "dy")
    check_like_result(&c, residual_plain, x_plain, dims, "residual")
    w.into(&weights)
    memset(&gradients, 0, sizeof(gradients))
    gradients.x = gradient_data(arrays, "x")
    gradients.residual = gradient_data(arrays, "residual")
    gradients.dw = gradient_data(arrays, "dw")
    gradients.bias = gradient_data(arrays, "bias")
    gradients.dw_bias = gradient_data(arrays, "depthwise_bias")
    if c.desc.kind == CSEP_CONV:
        gradients.w = gradient_data(arrays, matrix_name(kind))
    elif kind == CSEP_CONV:  # with as many groups as channels, which C takes as depthwise
        gradients.dw = gradient_data(arrays, "w")
    else:
        gradients.pw = gradient_data(arrays, "pw")
    cdef const void *x_data = data_of(x_plain)
    cdef const void *dy_data = data_of(dy_plain)
    cdef const void *residual_data = data_of(residual_plain)
    with nogil:
        status = csep_backward(&c.desc, &c.input, &weights, x_data, residual_data, dy_data,
                               &gradients, threads)
    if status != CSEP_OK:
        raise_status(status)
    return arrays
