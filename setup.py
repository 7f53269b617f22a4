"""Build csep.

One static library for each instruction set and type and one for the rest are linked into a shared
library, which the extension module and programs in C or Cython use alike.  ``python setup.py
compile_commands`` writes compile_commands.json: it tells editors how each C file is compiled.

Environment variables read here:
    CSEP_OPENMP=0    build without OpenMP even where the compiler knows it: threads are csep's
                     own, but omp_set_num_threads, threadpoolctl, OMP_PROC_BIND do not count
    CSEP_CFLAGS      further compiler flags (a sanitizer, -Werror, ...), space-separated
    CSEP_LDFLAGS     further linker flags
    CSEP_LIBRARY     a shared library of csep that was built elsewhere, to be taken as it is
"""

import copy
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy
from Cython.Build import cythonize
from setuptools import Command, Extension, setup
from setuptools.command.build_clib import build_clib
from setuptools.command.build_ext import build_ext

HEADER = Path("src_c/include/csep.h")
VERSION = ".".join(
    re.findall(r"define CSEP_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", HEADER.read_text())
)
# A program that was linked with csep asks for the library by this name: it must change when the C
# API does, and so it carries the version up to the part that says so.
LIBRARY = f"libcsep.so.{VERSION.rpartition('.')[0]}"

X86 = platform.machine().lower() in {"x86_64", "amd64"}
EXTRA_CFLAGS = os.environ.get("CSEP_CFLAGS", "").split()
READY_LIBRARY = os.environ.get("CSEP_LIBRARY", "")
EXTRA_LDFLAGS = os.environ.get("CSEP_LDFLAGS", "").split()
# No contraction: the generic kernels round every product, on every processor.
CFLAGS = ["-std=c11", "-O3", "-g0", "-fvisibility=hidden", "-ffp-contract=off", *EXTRA_CFLAGS]
INCLUDE = ["src_c/include", "src_c"]
C_FILES = sorted(str(path) for path in Path("src_c").rglob("*.[ch]"))
HEADERS = [name for name in C_FILES if name.endswith(".h")]
KERNELS = "src_c/kernels/instance.c"  # compiled once for each vocabulary

# Folder and compiler flags of each instruction set: isa/<folder>/<name>_<type>.h is its vocabulary.
# Loops that have to be unrolled say so themselves.  Measured: -Os makes the generic kernels two
# thirds as large and no slower, -O2 the AVX-512 ones a tenth smaller; AVX2 loses 2 to 5 % with it.
INSTRUCTION_SETS = {"generic": ("generic", ["-Os"])}
if X86:
    INSTRUCTION_SETS |= {
        "avx2": ("x86", ["-mavx2", "-mfma", "-mf16c"]),
        "avx512": ("x86", ["-O2", "-mavx512f", "-mfma"]),
    }


def check_machine() -> None:
    """Say in one line what is missing, before setuptools says it in a page."""
    needs = "csep needs Linux and a C compiler"
    if sys.platform != "linux":
        sys.exit(f"{needs}; on {platform.system()} it cannot be built yet")
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()[0]
    builds = {"build", "build_ext", "build_clib", "bdist_wheel", "editable_wheel", "install"}
    if builds & set(sys.argv) and shutil.which(compiler) is None:
        sys.exit(f"{needs}, and there is no {compiler}: apt install gcc (or set CC)")


def openmp_works() -> bool:
    """Compile and link a program that uses OpenMP, with the compiler the build will use."""
    if os.environ.get("CSEP_OPENMP", "1") == "0":
        return False
    compiler = (os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc").split()
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "probe.c")
        source.write_text(
            "#include <omp.h>\nint main(void) { return omp_get_max_threads() < 1; }\n"
        )
        command = [*compiler, "-fopenmp", str(source), "-o", str(source.with_suffix(""))]
        try:
            return subprocess.run(command, capture_output=True, check=False).returncode == 0
        except OSError:
            return False


class BuildLibraries(build_clib):
    """Build the libraries side by side: the kernels take most of the time."""

    def build_libraries(self, libraries):
        """Build, and raise what the first failure raised."""
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for _ in pool.map(self.build_one, libraries):
                pass

    def build_one(self, one):
        """Build one library with its objects in a folder of its own: some share their source."""
        apart = copy.copy(self)
        apart.build_temp = os.path.join(self.build_temp, one[0])
        build_clib.build_libraries(apart, [one])


class BuildExt(build_ext):
    """Build the libraries first, also where only the extension is asked for (pip install -e).

    What is built is put beside its source as well: Python started in this folder imports csep/ from
    here, not from where it was installed.
    """

    def run(self):
        """Build."""
        if not READY_LIBRARY:
            self.run_command("build_clib")
        shutil.rmtree(self.built_library().parent, ignore_errors=True)  # of another version
        super().run()
        if not self.inplace:
            self.copy_extensions_to_source()
        for built in (self.built_library(), self.built_header()):
            beside = Path("csep", built.parent.name)
            beside.mkdir(exist_ok=True)
            shutil.copy2(built, beside)

    def built_library(self):
        """Where the shared library goes: beside the extension module, in lib/."""
        return Path(self.build_lib, "csep", "lib", LIBRARY)

    def built_header(self):
        """Where the header goes."""
        return Path(self.build_lib, "csep", "include", HEADER.name)

    def build_extensions(self):
        """Link the shared library, then build what is linked with it."""
        self.compiler.set_libraries([])  # the archives, which build_ext would link with everything
        target = self.built_library()
        for built in (target, self.built_header()):
            built.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(HEADER, self.built_header())
        if READY_LIBRARY:
            shutil.copy2(READY_LIBRARY, target)
        else:
            self.link_library(target)
        for extension in self.extensions:
            extension.extra_objects = [str(target)]
        super().build_extensions()

    def link_library(self, target):
        """Link the archives into the shared library."""
        folder = Path(self.get_finalized_command("build_clib").build_clib)
        self.compiler.link_shared_object(
            [str(folder / f"lib{name}.a") for name in ("csep_base", *kernel_names)],
            str(target),
            extra_preargs=["-Wl,--whole-archive"],
            extra_postargs=[
                "-Wl,--no-whole-archive",
                f"-Wl,-soname,{LIBRARY}",
                "-Wl,-s",  # names of local functions: without -g of no use
                # A thread that has called csep frees its scratch memory when it ends.
                "-Wl,-z,nodelete",
                "-lpthread",
                *OPENMP,
                *EXTRA_LDFLAGS,
            ],
        )

    def get_outputs(self):
        """All files that are installed."""
        return [*super().get_outputs(), str(self.built_library()), str(self.built_header())]


class CompileCommands(Command):
    """Write compile_commands.json; a header is checked like the kernels of its instruction set."""

    user_options: ClassVar[list] = []

    def initialize_options(self):
        """Nothing to set."""

    def finalize_options(self):
        """Nothing to check."""

    def run(self):
        """Write."""
        flags = {source: config for _, config in all_libraries for source in config["sources"]}
        entries = []
        for name in C_FILES:
            config = flags.get(name, flags[KERNELS])
            options = [f"-I{folder}" for folder in config["include_dirs"]]
            options += [f"-D{key}={value}" for key, value in config["macros"] if name in flags]
            for isa, (folder, isa_flags) in INSTRUCTION_SETS.items():
                if f"/{folder}/{isa}_" in name:
                    options += isa_flags
            command = ["cc", *config["cflags"], *options, "-x", "c", "-fsyntax-only", name]
            entries.append({"directory": str(Path.cwd()), "file": name, "arguments": command})
        Path("compile_commands.json").write_text(json.dumps(entries, indent=1))


check_machine()
OPENMP = ["-fopenmp"] if openmp_works() else []
if not OPENMP:
    print("csep: building without OpenMP, whose settings will not be heard", file=sys.stderr)


def library(name, sources, cflags=(), macros=()):
    """One entry of setuptools' ``libraries``."""
    return name, {
        "sources": sources,
        "include_dirs": INCLUDE,
        "cflags": [*CFLAGS, *cflags],
        "macros": list(macros),
        "obj_deps": {"": HEADERS},
    }


base_sources = [name for name in C_FILES if name.endswith(".c") and name != KERNELS]
kernel_libraries = [
    library(
        f"csep_{isa}_{real}",
        [KERNELS],
        flags,
        [("CSEP_VOCABULARY", f'"isa/{folder}/{isa}_{real}.h"')],
    )
    for isa, (folder, flags) in INSTRUCTION_SETS.items()
    for real in ("f32", "f64")
]
kernel_names = [name for name, _ in kernel_libraries]
base = library("csep_base", base_sources, OPENMP, [("CSEP_X86", "1")] if X86 else [])
all_libraries = [base, *kernel_libraries]

core = Extension(
    "csep._core",
    ["csep/_core.pyx"],
    include_dirs=[*INCLUDE[:1], numpy.get_include()],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    extra_compile_args=["-O2", "-g0", "-fvisibility=hidden", *EXTRA_CFLAGS],
    extra_link_args=["-Wl,-rpath,$ORIGIN/lib", "-Wl,-s", *EXTRA_LDFLAGS],
    depends=[str(HEADER), "csep/__init__.pxd", *map(str, Path("csep").glob("*.pxi"))],
)


def package_page():
    """Return README.md for a package index, where pictures and files are not beside it.

    Without the tables of measured times as well, a hundred lines that each wheel would carry.
    """
    text = Path("README.md").read_text()
    text = re.sub(r"<!-- compare -->.*<!-- /compare -->\n*", "", text, flags=re.DOTALL)
    text = re.sub(r"!\[[^\]]*\]\((?!https?:)[^)]*\)\n*", "", text)
    return re.sub(r"\[([^\]]*)\]\((?!https?:)[^)]*\)", r"\1", text)


setup(
    version=VERSION,
    long_description=package_page(),
    long_description_content_type="text/markdown",
    libraries=[] if READY_LIBRARY else all_libraries,
    ext_modules=cythonize([core], language_level=3, build_dir="build/cython"),
    cmdclass={
        "build_clib": BuildLibraries,
        "build_ext": BuildExt,
        "compile_commands": CompileCommands,
    },
)
