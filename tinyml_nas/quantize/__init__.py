"""From a trained float model to the one integer model."""

from tinyml_nas.graph.integer import IntNetwork
from tinyml_nas.quantize.reference import decide, quantize_input, run_reference
from tinyml_nas.quantize.stage import Quantized, quantize

__all__ = ["IntNetwork", "Quantized", "decide", "quantize", "quantize_input", "run_reference"]
