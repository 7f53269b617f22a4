"""Other libraries' layers as csep's operators."""

from .keras import from_keras

__all__ = ["from_keras"]
