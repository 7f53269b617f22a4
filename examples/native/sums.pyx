# cython: language_level=3, boundscheck=False, wraparound=False
"""A layer inside a loop without Python: the sum of each output channel over many images.

    python setup.py build_ext --inplace && python -c "import sums; ..."
"""

import numpy as np

from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from csep cimport *


def channel_sums(const float[:, :, :, ::1] images, const float[:, :, :, ::1] dw,
                 const float[:, ::1] pw):
    """Return (N, CO): what a separable layer, SAME padding, gives for each image, summed up.

    The results themselves are never kept: one image's worth of memory serves all.
    """
    cdef csep_conv_desc desc
    cdef csep_input shape
    cdef csep_weights weights
    cdef csep_plan *plan = NULL
    cdef csep_status status
    cdef int64_t image, i, channel, out_h, out_w
    cdef float *y = NULL
    if dw.shape[2] != images.shape[3] or pw.shape[0] != dw.shape[2] * dw.shape[3]:
        raise ValueError("images, dw, pw: expected matching channels")
    sums_array = np.zeros((images.shape[0], pw.shape[1]))
    cdef double[:, ::1] sums = sums_array

    memset(&desc, 0, sizeof(desc))
    memset(&shape, 0, sizeof(shape))
    memset(&weights, 0, sizeof(weights))
    desc.in_channels, desc.channel_multiplier = dw.shape[2], dw.shape[3]
    desc.kernel_h, desc.kernel_w, desc.out_channels = dw.shape[0], dw.shape[1], pw.shape[1]
    desc.stride_h = desc.stride_w = desc.dilation_h = desc.dilation_w = 1
    shape.batch, shape.height, shape.width = 1, images.shape[1], images.shape[2]
    weights.dw, weights.pw = &dw[0, 0, 0, 0], &pw[0, 0]

    with nogil:
        status = csep_plan_create(&plan, &desc, &weights)
        if status == CSEP_OK:
            status = csep_same_padding(&desc, &shape)
        if status == CSEP_OK:
            status = csep_output_size(&desc, &shape, &out_h, &out_w)
        if status == CSEP_OK:
            y = <float *>malloc(out_h * out_w * desc.out_channels * sizeof(float))
            if y == NULL:
                status = CSEP_NO_MEMORY
        for image in range(images.shape[0]):
            if status != CSEP_OK:
                break
            status = csep_execute(plan, &shape, &images[image, 0, 0, 0], NULL, y, 2)
            for i in range(out_h * out_w if status == CSEP_OK else 0):
                for channel in range(desc.out_channels):
                    sums[image, channel] += y[i * desc.out_channels + channel]
        free(y)
        csep_plan_destroy(plan)
    if status != CSEP_OK:
        raise ValueError(csep_status_string(status).decode())
    return sums_array
