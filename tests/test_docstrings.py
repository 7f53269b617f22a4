"""The examples in the docstrings, run."""

import doctest
import importlib

import pytest

import csep

MODULES = [
    "accounting",
    "activations",
    "arrays",
    "docs",
    "folding",
    "geometry",
    "keras",
    "layers",
    "ops",
    "prepared",
    "runtime",
]


@pytest.mark.parametrize("module", ["csep", *(f"csep.{name}" for name in MODULES)])
def test_examples(module):
    assert doctest.testmod(importlib.import_module(module)).failed == 0


@pytest.mark.parametrize(
    "name", [n for n in csep.__all__ if n not in {"__version__", "from_keras"}]
)
def test_every_public_name_has_an_example(name):
    assert ">>> " in getattr(csep, name).__doc__


@pytest.mark.parametrize("name", csep.__all__)
def test_no_shared_part_is_left_to_fill_in(name):
    lines = (getattr(csep, name).__doc__ or "").split("\n")
    assert not [line for line in lines if line.strip().startswith("{")]
