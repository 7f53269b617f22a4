"""The examples in the docstrings, run."""

import doctest
import importlib
import pkgutil

import pytest

import csep

MODULES = [
    module.name
    for module in pkgutil.walk_packages(csep.__path__, "csep.")
    # Those of interop need other libraries: tests/interop runs them.
    if not module.name.endswith("__main__") and "interop." not in module.name
]


@pytest.mark.parametrize("module", ["csep", *MODULES])
def test_examples(module):
    result = doctest.testmod(importlib.import_module(module))
    assert result.failed == 0
    assert module != "csep" or result.attempted > 20  # the classes are looked for there


@pytest.mark.parametrize(
    "name", [n for n in csep.__all__ if n not in {"__version__", "from_keras"}]
)
def test_every_public_name_has_an_example(name):
    assert ">>> " in getattr(csep, name).__doc__


@pytest.mark.parametrize("name", csep.__all__)
def test_no_shared_part_is_left_to_fill_in(name):
    lines = (getattr(csep, name).__doc__ or "").split("\n")
    assert not [line for line in lines if line.strip().startswith("{")]
