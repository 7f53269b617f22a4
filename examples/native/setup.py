"""Build sums.pyx against the installed csep."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

import csep

library = csep.get_library()
sums = Extension(
    "sums",
    ["sums.pyx"],
    include_dirs=[csep.get_include()],
    extra_objects=[library],
    runtime_library_dirs=[str(Path(library).parent)],
)
setup(name="sums", ext_modules=cythonize([sums]))
