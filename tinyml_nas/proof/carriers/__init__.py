"""Carriers of the integer model: whatever claims to compute the same bits as the NumPy reference.

A carrier is one file here with one class that answers :class:`Carrier`.
"""

from tinyml_nas.proof.carriers.board_c import BoardC
from tinyml_nas.proof.carriers.emulated_c import EmulatedC
from tinyml_nas.proof.carriers.ethos_u import EthosUStream
from tinyml_nas.proof.carriers.host_c import HostC
from tinyml_nas.proof.carriers.onnx_runtime import OnnxRuntime
from tinyml_nas.proof.carriers.protocol import Carrier, NotAvailable, Quantizer
from tinyml_nas.proof.carriers.torch_module import TorchModule

__all__ = [
    "BoardC",
    "Carrier",
    "EmulatedC",
    "EthosUStream",
    "HostC",
    "NotAvailable",
    "OnnxRuntime",
    "Quantizer",
    "TorchModule",
]
