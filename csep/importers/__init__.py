"""Other libraries' layers and models: read, and given as operators and networks."""

from ..network import Network
from .keras import from_keras
from .keras_model import network_from_keras

__all__ = ["from_keras"]

Network.from_keras = staticmethod(network_from_keras)
