"""Networks that the user brings along: an ONNX file, or a PyTorch module in a file of his."""

from tinyml_nas.importers.model import Imported, import_model
from tinyml_nas.importers.model_file import read_model
from tinyml_nas.importers.stage import bring_model

__all__ = ["Imported", "bring_model", "import_model", "read_model"]
