"""The C API from outside: the examples in C and Cython, built as a user builds them."""

import os
import re
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from processes import output, run
from reference import separable_conv2d

import csep

EXAMPLES = Path(__file__).parents[2] / "examples" / "native"


def flags():
    # From where the csep under test lies: it may not be installed.
    folder = Path(csep.__file__).parents[1]
    return output(run(sys.executable, "-m", "csep", "--cflags", "--libs", cwd=folder)).split()


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    path = tmp_path_factory.mktemp("native") / "layer"
    command = [compiler, "-Wall", "-Wextra", "-Werror", EXAMPLES / "layer.c"]
    output(run(*command, *flags(), "-o", path))
    return path


@pytest.mark.parametrize("isa", ["generic", ""])
def test_c_program(program, isa):
    printed = output(run(program, 6, 7, env=os.environ | {"CSEP_ISA": isa}))
    y = np.array(printed.split(), np.float64).reshape(1, 6, 7, 2)
    x = ((np.arange(6 * 7 * 3) % 9) / 4 - 1).reshape(1, 6, 7, 3)
    dw = np.zeros(27)
    dw[[0, 4, 8, 13, 26]] = 1, 1, 1, 0.5, -2
    pw = np.array([[1, 2], [3, -1], [-2, -3]])
    expected = separable_conv2d(
        x, dw.reshape(3, 3, 3, 1), pw, np.array([0.25, -0.25]), (1, 1), "SAME", (1, 1)
    )
    np.testing.assert_allclose(y, np.maximum(expected, 0), atol=2e-6)


def test_c_program_is_told_what_is_wrong(program):
    done = run(program, -1, 5)
    assert done.returncode == 1
    assert re.search(r"^csep \d+\.\d+\.\d+: \w", done.stderr)


def test_header_is_cpp(tmp_path):
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("needs a C++ compiler")
    (tmp_path / "version.cpp").write_text(
        "#include <csep.h>\n#include <cstring>\n"
        "int main() { csep_conv_desc d{}; csep_input s{}; (void)d; (void)s;\n"
        f'  return std::strcmp(csep_version(), "{csep.__version__}"); }}\n'
    )
    command = [compiler, "-Wall", "-Werror", "version.cpp", *flags(), "-o", "version"]
    output(run(*command, cwd=tmp_path))
    output(run(tmp_path / "version"))


LET_GO = r"""
#define _DEFAULT_SOURCE
#include <csep.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>
static pthread_barrier_t computed, let_go;
static void *library;
static void *work(void *unused)
{
    (void)unused;
    csep_status (*convolve)(const csep_conv_desc *, const csep_input *, const csep_weights *,
                            const void *, const void *, void *, int);
    *(void **)&convolve = dlsym(library, "csep_convolve");
    const csep_conv_desc d = {.kind = CSEP_SEPARABLE, .in_channels = 8, .channel_multiplier = 1,
                              .out_channels = 20, .kernel_h = 3, .kernel_w = 3, .stride_h = 1,
                              .stride_w = 1, .dilation_h = 1, .dilation_w = 1};
    static float x[64 * 8], w[20 * 8], y[64 * 20];
    const csep_input in = {.batch = 1, .height = 8, .width = 8, .padding = CSEP_SAME};
    const csep_weights weights = {.dw = w, .pw = w};
    const csep_status status = convolve(&d, &in, &weights, x, NULL, y, 1);
    pthread_barrier_wait(&computed);
    pthread_barrier_wait(&let_go);
    return status == CSEP_OK ? NULL : x; /* here its scratch memory is freed */
}
int main(int argc, char **argv)
{
    pthread_t thread;
    void *wrong;
    library = dlopen(argv[argc - 1], RTLD_NOW);
    pthread_barrier_init(&computed, NULL, 2);
    pthread_barrier_init(&let_go, NULL, 2);
    if (!library || pthread_create(&thread, NULL, work, NULL) != 0)
        return 2;
    pthread_barrier_wait(&computed);
    dlclose(library);
    pthread_barrier_wait(&let_go);
    pthread_join(thread, &wrong);
    return wrong != NULL;
}
"""


def test_a_thread_that_ends_after_the_library_was_let_go(tmp_path):
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("needs a C compiler")
    (tmp_path / "let_go.c").write_text(LET_GO)
    include = ["-I", csep.get_include()]
    output(run(compiler, *include, "let_go.c", "-o", "let_go", "-ldl", "-lpthread", cwd=tmp_path))
    output(run(tmp_path / "let_go", csep.get_library()))


def test_only_the_api_is_exported():
    nm = shutil.which("nm")
    if nm is None:
        pytest.skip("needs nm")
    symbols = output(run(nm, "-D", "--defined-only", csep.get_library()))
    exported = {line.split()[-1] for line in symbols.splitlines()}
    header = Path(csep.get_include(), "csep.h").read_text()
    assert exported == set(re.findall(r"\b(csep_\w+)\(", header))


def test_cython_module(tmp_path):
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools")
    for name in ("sums.pyx", "setup.py"):
        shutil.copy(EXAMPLES / name, tmp_path)
    # Not isolated, so that a csep that lies in the working folder is found, too.
    environment = os.environ | {"PYTHONPATH": str(Path(csep.__file__).parents[1])}
    build = ("setup.py", "-q", "build_ext", "--inplace")
    output(run(sys.executable, *build, cwd=tmp_path, env=environment))
    rng = np.random.default_rng(1)
    arrays = {
        "x": rng.standard_normal((3, 9, 8, 5), np.float32),
        "dw": rng.standard_normal((3, 3, 5, 2), np.float32),
        "pw": rng.standard_normal((10, 4), np.float32),
    }
    np.savez(tmp_path / "arrays.npz", **arrays)
    code = (
        "import numpy as np, sums; a = np.load('arrays.npz');"
        "np.save('sums.npy', sums.channel_sums(a['x'], a['dw'], a['pw']))"
    )
    output(run(sys.executable, "-c", code, cwd=tmp_path, env=environment))
    expected = separable_conv2d(
        *(a.astype(np.float64) for a in arrays.values()), None, (1, 1), "SAME", (1, 1)
    ).sum((1, 2))
    np.testing.assert_allclose(np.load(tmp_path / "sums.npy"), expected, atol=1e-4)
