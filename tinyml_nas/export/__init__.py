"""From the integer model to what a firmware ships, with the proof that it is the same model."""

from tinyml_nas.export.stage import export_model

__all__ = ["export_model"]
