"""Networks that the user brings along: an ONNX file, or a PyTorch module in a file of his."""

from tinyml_nas.importers.ending import Wanted
from tinyml_nas.importers.model import Imported, import_model, preview
from tinyml_nas.importers.model_file import read_model
from tinyml_nas.importers.refusal import UnsupportedOperation
from tinyml_nas.importers.stage import bring_model

__all__ = [
    "Imported",
    "UnsupportedOperation",
    "Wanted",
    "bring_model",
    "import_model",
    "preview",
    "read_model",
]
