"""The examples in the docstrings, run."""

import doctest

import pytest

import csep
from csep import accounting, arrays, geometry, layers, ops, runtime


@pytest.mark.parametrize(
    "module", [csep, accounting, arrays, geometry, layers, ops, runtime], ids=lambda m: m.__name__
)
def test_examples(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize("name", [n for n in csep.__all__ if n != "__version__"])
def test_every_public_name_has_an_example(name):
    assert ">>> " in getattr(csep, name).__doc__
