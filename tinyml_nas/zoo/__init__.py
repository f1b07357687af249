"""The fixed models: each one function that returns a Network."""

from tinyml_nas.zoo.classification import ZOO, ZooModel

__all__ = ["ZOO", "ZooModel"]
