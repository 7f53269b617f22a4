"""The head of head.py as an ONNX model: to compare the same service on ONNX Runtime.

Needs onnx (extra ``peers``).
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def build_model(layers):
    """Return the network as ONNX: channels first inside, as its convolutions are, last outside."""
    nodes, arrays = [], {}

    def add(kind, inputs, output, **attributes):
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    x = add("Transpose", ["x"], "first", perm=[0, 3, 1, 2])
    for i, (dw, pw, bias) in enumerate(layers):
        arrays[f"dw{i}"] = np.ascontiguousarray(dw.transpose(2, 3, 0, 1))
        arrays[f"pw{i}"] = np.ascontiguousarray(pw.T)[:, :, None, None]
        arrays[f"bias{i}"] = bias
        x = add("Conv", [x, f"dw{i}"], f"d{i}", group=dw.shape[2], pads=[1, 1, 1, 1])
        x = add("Conv", [x, f"pw{i}", f"bias{i}"], f"p{i}")
        if i < len(layers) - 1:
            x = add("Mul", [x, add("Sigmoid", [x], f"s{i}")], f"a{i}")
    add("Transpose", [x], "classes", perm=[0, 2, 3, 1])
    graph = helper.make_graph(
        nodes,
        "head",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, None, None, dw.shape[2]])],
        [helper.make_tensor_value_info("classes", TensorProto.FLOAT, [None] * 4)],
        [numpy_helper.from_array(array, name) for name, array in arrays.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()
