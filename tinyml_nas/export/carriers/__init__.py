"""Carriers of the integer model: whatever claims to compute the same bits as the NumPy reference.

A carrier is one file here with one class that answers :class:`Carrier`.
"""

from tinyml_nas.export.carriers.board_c import BoardC
from tinyml_nas.export.carriers.emulated_c import EmulatedC
from tinyml_nas.export.carriers.host_c import HostC
from tinyml_nas.export.carriers.onnx_runtime import OnnxRuntime
from tinyml_nas.export.carriers.protocol import Carrier, NotAvailable, Quantizer
from tinyml_nas.export.carriers.torch_module import TorchModule

__all__ = [
    "BoardC",
    "Carrier",
    "EmulatedC",
    "HostC",
    "NotAvailable",
    "OnnxRuntime",
    "Quantizer",
    "TorchModule",
]
