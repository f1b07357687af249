"""Three ONNX files of one model: float, integer (bit-exact) and QDQ (for other tools)."""

from tinyml_nas.export.onnx.float_model import float_model
from tinyml_nas.export.onnx.integer_model import integer_model
from tinyml_nas.export.onnx.qdq_model import qdq_model

__all__ = ["float_model", "integer_model", "qdq_model"]
