# What users write for strides, padding, activations and the like, turned into C's numbers.
#
# A part of _core.pyx.  Each argument is read here and nowhere else, in any form that means the
# same; what it cannot be is said here, too, in the words of the caller.

import numpy as np

from collections.abc import Sequence

from csep.spec.arrays import as_float, check_integer, shown

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object, int *) except? -1

cdef enum:
    IMAGE = 4      # rank of x
    SEQUENCE = 3

# How padding was written.
cdef enum:
    VALID
    SAME
    SAME_LOWER
    CAUSAL
    IN_PIXELS

cdef str STEPS = "an int, a pair (height, width) or four values [1, height, width, 1]"
cdef str STEPS_1D = "an int, (length,) or three values [1, length, 1]"
cdef str PADS = (
    '"SAME", "SAME_LOWER", "VALID", an int, (vertical, horizontal), ((top, bottom), (left, right)) '
    "or [[0, 0], [top, bottom], [left, right], [0, 0]]"
)
cdef str PADS_1D = '"SAME", "SAME_LOWER", "VALID", "CAUSAL", an int or (before, after)'

cdef str MODES_SHOWN = '"zeros", "reflect", "replicate" or "circular"'
cdef dict MODES = {
    "zeros": CSEP_ZEROS,
    "reflect": CSEP_REFLECT,
    "replicate": CSEP_REPLICATE,
    "circular": CSEP_CIRCULAR,
}
# What other packages call them.
cdef dict OTHER_MODES = {"constant": "zeros", "edge": "replicate", "wrap": "circular"}

cdef object NUMPY_INTEGER = np.integer
cdef str UPPER_SAME = "SAME"
cdef str UPPER_VALID = "VALID"

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
    "selu": (CSEP_SELU, 0.0),
    "mish": (CSEP_MISH, 0.0),
    "softplus": (CSEP_SOFTPLUS, 0.0),
}
cdef tuple WITH_ALPHA = ("elu", "leaky_relu", "relu")
cdef str PRELU = "prelu"  # which has an array beside it

cdef dict LAYOUTS = {
    "NHWC": CSEP_NHWC,
    "channels_last": CSEP_NHWC,
    "NCHW": CSEP_NCHW,
    "channels_first": CSEP_NCHW,
}
cdef dict LAYOUTS_1D = LAYOUTS | {
    "NWC": CSEP_NHWC,
    "NLC": CSEP_NHWC,
    "NCW": CSEP_NCHW,
    "NCL": CSEP_NCHW,
}


cdef int64_t whole_number(value, str name, int64_t low, int64_t high, str expected) except? -1:
    """An int from low to high."""
    cdef int overflow = 0
    cdef long long number
    if type(value) is int:
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        if not overflow and low <= number <= high:
            return number
    elif isinstance(value, NUMPY_INTEGER) and not isinstance(value, np.timedelta64):
        number = PyLong_AsLongLongAndOverflow(value, &overflow)
        if not overflow and low <= number <= high:
            return number
    return check_integer(value, name, low, high, expected)


cdef tuple items_of(value, str name, str expected):
    """The items of a sequence or an array, or None for what is neither."""
    if type(value) is tuple:
        return value
    if isinstance(value, list):
        return tuple(value)
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name}: expected {expected}, got {shown(value)}")
    if isinstance(value, np.ndarray):
        return tuple(value) if value.ndim > 0 else None
    return tuple(value) if isinstance(value, Sequence) else None


cdef int read_steps(value, str name, int rank, csep_layout layout, int64_t *vertical,
                    int64_t *horizontal) except -1:
    """Strides or dilations; a sequence is an image one pixel high."""
    cdef str expected = STEPS if rank == IMAGE else STEPS_1D
    cdef tuple items = None if type(value) is int else items_of(value, name, expected)
    cdef int64_t numbers[4]
    cdef Py_ssize_t i, count, first
    if items is None:
        horizontal[0] = whole_number(value, name, 1, CSEP_MAX_STEP, expected)
        vertical[0] = horizontal[0] if rank == IMAGE else 1
        return 0
    count = len(items)
    if count > 4:
        raise ValueError(f"{name}: expected {expected}, got {count} values")
    for i in range(count):
        numbers[i] = whole_number(items[i], name, 1, CSEP_MAX_STEP, expected)
    if rank == SEQUENCE:
        first = 1 if count == 3 and numbers[0] == 1 and numbers[2] == 1 else 0
        if count != 1 and not first:
            raise ValueError(f"{name}: expected {expected}, got {items}")
        vertical[0], horizontal[0] = 1, numbers[first]
        return 0
    first = 0
    if count == 4:
        first = 2 if layout == CSEP_NCHW else 1
        if numbers[0] != 1 or numbers[1 if layout == CSEP_NCHW else 3] != 1:
            raise ValueError(
                f"{name}: expected 1 over batch and channels of {layout_name(layout)}, "
                f"got {list(items)}"
            )
    elif count != 2:
        raise ValueError(f"{name}: expected {expected}, got {count} values")
    vertical[0], horizontal[0] = numbers[first], numbers[first + 1]
    return 0


cdef int read_pair(value, str expected, int64_t *before, int64_t *after) except -1:
    """Padding on the two ends of an axis."""
    cdef tuple items = items_of(value, "padding", expected)
    if items is None:
        raise TypeError(f"padding: expected {expected}, got {shown(value)}")
    if len(items) != 2:
        raise ValueError(f"padding: expected {expected}, got a group of {len(items)} values")
    before[0] = whole_number(items[0], "padding", 0, CSEP_MAX_STEP, expected)
    after[0] = whole_number(items[1], "padding", 0, CSEP_MAX_STEP, expected)
    return 0


cdef int read_pairs(tuple items, csep_input *padded) except -1:
    """Padding of an image in pixels: pairs, or a number for both ends of a side."""
    cdef csep_layout layout = padded.layout
    cdef int64_t pads[4][2]
    cdef Py_ssize_t i, count = len(items), first = 0
    if count != 2 and count != 4:
        raise ValueError(f"padding: expected {PADS}, got {count} values")
    for i in range(count):
        if count == 2 and items_of(items[i], "padding", PADS) is None:
            pads[i][0] = pads[i][1] = whole_number(items[i], "padding", 0, CSEP_MAX_STEP, PADS)
        else:
            read_pair(items[i], PADS, &pads[i][0], &pads[i][1])
    if count == 4:
        first = 2 if layout == CSEP_NCHW else 1
        i = 1 if layout == CSEP_NCHW else 3
        if pads[0][0] or pads[0][1] or pads[i][0] or pads[i][1]:
            raise ValueError(
                f"padding: expected (0, 0) over batch and channels of {layout_name(layout)}, "
                f"got {list(items)}"
            )
    padded.pad_top, padded.pad_bottom = pads[first][0], pads[first][1]
    padded.pad_left, padded.pad_right = pads[first + 1][0], pads[first + 1][1]
    return 0


cdef str bare(value):
    """A string without the methods of a subclass."""
    return value if type(value) is str else str.__str__(value)


cdef int read_padding(value, int rank, csep_input *padded) except -1:
    """Fill in padding, CAUSAL's pixels excepted; return how it was written."""
    cdef str name, expected = PADS if rank == IMAGE else PADS_1D
    cdef tuple items
    padded.padding = CSEP_EXPLICIT
    padded.pad_top = padded.pad_bottom = padded.pad_left = padded.pad_right = 0
    if isinstance(value, str):
        name = value if value is UPPER_SAME or value is UPPER_VALID else bare(value).upper()
        if name == "VALID":
            return VALID
        if name == "SAME":
            padded.padding = CSEP_SAME
            return SAME
        if name == "SAME_LOWER":
            padded.padding = CSEP_SAME_LOWER
            return SAME_LOWER
        if name == "CAUSAL" and rank == SEQUENCE:
            return CAUSAL
        raise ValueError(f"padding: expected {expected}, got {shown(value)}")
    items = None if type(value) is int else items_of(value, "padding", expected)
    if items is None:
        padded.pad_left = whole_number(value, "padding", 0, CSEP_MAX_STEP, expected)
        padded.pad_right = padded.pad_left
        if rank == IMAGE:
            padded.pad_top = padded.pad_bottom = padded.pad_left
    elif rank == IMAGE:
        read_pairs(items, padded)
    else:
        read_pair(items, PADS_1D, &padded.pad_left, &padded.pad_right)
    return IN_PIXELS


cdef int read_mode(value) except -1:
    """The csep_padding_mode of mode."""
    if type(value) is str and value == "zeros":
        return CSEP_ZEROS
    if not isinstance(value, str):
        raise TypeError(f"mode: expected {MODES_SHOWN}, got {shown(value)}")
    name = bare(value).lower()
    if name in MODES:
        return MODES[name]
    hint = f'; write "{OTHER_MODES[name]}"' if name in OTHER_MODES else ""
    raise ValueError(f"mode: expected {MODES_SHOWN}, got {shown(value)}{hint}")


cdef str mode_name(int mode):
    return list(MODES)[mode]


cdef bint is_prelu(value) except -1:
    """Whether an activation is a pair of "prelu" and something."""
    return (type(value) is tuple and len(value) == 2 and isinstance(value[0], str)
            and bare(value[0]) == PRELU)


cdef int read_activation(value, str name, csep_activation *activation) except -1:
    """None, a name, or a name and its alpha; the slopes of "prelu" are not looked at."""
    if value is None:
        activation.kind, activation.alpha = CSEP_LINEAR, 0.0
        return 0
    if is_prelu(value):
        activation.kind, activation.alpha = CSEP_PRELU, 0.0
        return check_slopes(value[1], name)
    function, alpha = value, None
    if type(value) is tuple and len(value) == 2:
        function, alpha = value
    found = ACTIVATIONS.get(bare(function)) if isinstance(function, str) else None
    if found is None:
        expected = f"None, a pair such as ('elu', 1.0), or one of {', '.join(ACTIVATIONS)}"
        if isinstance(function, str) and bare(function) == PRELU:
            expected = "('prelu', slopes) with a slope for each channel"
        error = ValueError if isinstance(function, str) else TypeError
        raise error(f"{name}: expected {expected}, got {shown(value)}")
    activation.kind, activation.alpha = <csep_activation_kind><int>found[0], found[1]
    if type(value) is tuple:
        activation.alpha = read_alpha(value, name)
        if activation.kind == CSEP_RELU:
            activation.kind = CSEP_CLIPPED_RELU
    return 0


cdef int check_slopes(slopes, str name) except -1:
    """That what stands beside "prelu" is not what people write for one slope."""
    if isinstance(slopes, Real):
        raise ValueError(
            f"{name}: expected an array beside 'prelu', a slope for each channel, got "
            f"{shown(slopes)}; for one slope write ('leaky_relu', slope)"
        )
    return 0


cdef double read_alpha(tuple value, str name) except? -1:
    """The number beside an activation's name."""
    function, alpha = value
    if isinstance(alpha, bool) or not isinstance(alpha, Real):
        raise TypeError(
            f"{name}: expected a number beside {function!r}, got {shown(alpha)}"
        )
    number = as_float(alpha)
    if bare(function) not in WITH_ALPHA or not math.isfinite(number):
        raise ValueError(
            f"{name}: expected a finite number beside one of {', '.join(WITH_ALPHA)}, "
            f"got {shown(value)}"
        )
    return number


cdef object activation_name(const csep_activation *activation, slopes):
    """What `read_activation` turns into this; None for linear."""
    if activation.kind == CSEP_LINEAR:
        return None
    if activation.kind == CSEP_PRELU:
        return PRELU, slopes
    if activation.kind == CSEP_CLIPPED_RELU:
        return "relu", activation.alpha
    for name, (number, alpha) in ACTIVATIONS.items():
        if number == <int>activation.kind:
            return name if alpha == activation.alpha else (name, activation.alpha)


cdef int read_layout(value, int rank) except -1:
    """The csep_layout of data_format."""
    if type(value) is str and value == "NHWC":
        return CSEP_NHWC
    names = LAYOUTS if rank == IMAGE else LAYOUTS_1D
    if not isinstance(value, str):
        raise TypeError(f"data_format: expected one of {', '.join(names)}, got {shown(value)}")
    found = names.get(bare(value))
    if found is None:
        lower = bare(value).lower()
        found = {name.lower(): number for name, number in names.items()}.get(lower)
    if found is None:
        raise ValueError(f"data_format: expected one of {', '.join(names)}, got {shown(value)}")
    return found


cdef str layout_name(csep_layout layout):
    return "NCHW" if layout == CSEP_NCHW else "NHWC"


cdef int read_flag(value, str name) except -1:
    """True or False."""
    if value is True or value is False:
        return value is True
    raise TypeError(f"{name}: expected a bool, got {shown(value)}")


cdef int read_threads(value) except -1:
    """At most how many threads a call may use."""
    if value is None:
        return usual_threads()
    if type(value) is int and 1 <= value <= CSEP_MAX_THREADS:
        return value
    return min(check_integer(value, "num_threads", 1, None, "a positive integer or None"),
               CSEP_MAX_THREADS)
