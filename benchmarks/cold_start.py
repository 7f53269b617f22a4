"""From the start of a process to its first answer: time, memory, and what is to be installed.

    python benchmarks/cold_start.py [--model MobileNet] [--turns 11]

The model is saved once for each library.  Then, in turns, a new Python process imports the library,
loads the file and computes one image.  The time is that from the start of the process to the
answer, the memory the largest that the process ever had.  What is to be installed are the files of
the library's package and of all that it requires, NumPy included.  Prints a Markdown table of
medians, and how many times csep's they are.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from importlib import metadata
from pathlib import Path

import numpy as np

# What a process runs: argv[1] is the folder.  Each ends with y, the outputs.
PROGRAMS = {
    "csep": """
import csep
y = csep.load(folder + "/model.csep")(x)
""",
    "LiteRT": """
from ai_edge_litert.interpreter import Interpreter
interpreter = Interpreter(folder + "/model.tflite", num_threads=THREADS)
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
interpreter.invoke()
y = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
""",
    "ONNX Runtime": """
import onnxruntime
session = onnxruntime.InferenceSession(folder + "/model.onnx", providers=["CPUExecutionProvider"])
y = session.run(None, {session.get_inputs()[0].name: x})[0]
""",
    "OpenVINO": """
import openvino
precision = {"INFERENCE_PRECISION_HINT": "f32"}  # else bfloat16, where the processor has it
compiled = openvino.Core().compile_model(folder + "/model.onnx", "CPU", precision)
y = compiled([x])[0]
""",
    "TensorFlow": """
import tensorflow as tf
model = tf.saved_model.load(folder + "/saved_model")
y = model.serve(x).numpy()
""",
}
PACKAGES = {
    "csep": "csep-conv",
    "LiteRT": "ai-edge-litert",
    "ONNX Runtime": "onnxruntime",
    "OpenVINO": "openvino",
    "TensorFlow": "tensorflow-cpu",
}
THREADS = 2

BEGIN = """
import sys
import numpy as np
folder = sys.argv[1]
x = np.load(folder + "/x.npy")
"""
END = """
print("answer", flush=True)
import resource
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
np.save(sys.argv[2], y)
"""


def write_models(name, folder):
    """Save a model for each library, an image, and Keras' outputs."""
    import network_peers
    from models import MODELS

    import csep

    model, shapes = MODELS[name]()
    inputs = [np.random.default_rng(1).standard_normal((1, *shapes[0]), np.float32)]
    np.save(Path(folder, "x.npy"), inputs[0])
    np.save(Path(folder, "expected.npy"), np.asarray(model(inputs[0], training=False)))
    csep.Network.from_keras(model).save(Path(folder, "model.csep"))
    Path(folder, "model.tflite").write_bytes(network_peers.to_tflite(model, inputs))
    Path(folder, "model.onnx").write_bytes(network_peers.to_onnx(model, inputs))
    model.export(Path(folder, "saved_model"), verbose=False)


def start(library, folder):
    """Return seconds to the first answer, and the largest memory in bytes, of one process."""
    program = BEGIN + PROGRAMS[library].replace("THREADS", str(THREADS)) + END
    result = Path(folder, "y.npy")
    command = [sys.executable, "-c", program, str(folder), str(result)]
    with open(Path(folder, "errors"), "w+") as errors:
        begin = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process:
            first = process.stdout.readline()
            seconds = time.perf_counter() - begin
            rest = process.stdout.read()
        if first != "answer\n" or process.returncode:
            errors.seek(0)
            raise RuntimeError(f"{library} gave no answer: {errors.read()[-2000:]}")
    expected = np.load(Path(folder, "expected.npy"))
    assert np.abs(np.load(result) - expected).max() <= 2e-4 * np.abs(expected).max(), library
    return seconds, int(rest) * 1024


def required(package, found):
    """Add a package and all it requires, without extras, to those found."""
    from packaging.requirements import Requirement

    try:
        distribution = metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return
    name = distribution.metadata["Name"].lower().replace("_", "-")
    if name in found:
        return
    found[name] = distribution
    for text in distribution.requires or []:
        requirement = Requirement(text)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            required(requirement.name, found)


def installed_bytes(package):
    """Return the bytes of all files of a package and of what it requires."""
    found = {}
    required(package, found)
    files = [Path(d.locate_file(file)) for d in found.values() for file in d.files or []]
    return sum(f.stat().st_size for f in files if f.is_file() and f.suffix != ".pyc")


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="MobileNet", help="a name of benchmarks/models.py")
    parser.add_argument("--turns", type=int, default=11)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        write = f"import cold_start; cold_start.write_models({options.model!r}, {folder!r})"
        subprocess.run([sys.executable, "-c", write], cwd=Path(__file__).parent, check=True)
        seen = {library: [] for library in PROGRAMS}
        for _ in range(options.turns + 1):
            for library in PROGRAMS:
                seen[library].append(start(library, folder))
    print("\n| | first answer, s | of csep | memory, MB | of csep | to install, MB |")
    print("|---|---:|---:|---:|---:|---:|")
    middle = {
        library: [statistics.median(column) for column in zip(*runs[1:], strict=True)]
        for library, runs in seen.items()  # the first brings the files into memory
    }
    for library, (seconds, memory) in middle.items():
        print(
            f"| {library} | {seconds:.3f} | {seconds / middle['csep'][0]:.1f} "
            f"| {memory / 1e6:.0f} | {memory / middle['csep'][1]:.1f} "
            f"| {installed_bytes(PACKAGES[library]) / 1e6:.0f} |"
        )


if __name__ == "__main__":
    main()
