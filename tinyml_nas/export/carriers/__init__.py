"""Carriers of the integer model: whatever claims to compute the same bits as the NumPy reference.

A carrier is one file here with one class that answers :class:`Carrier`.
"""

from tinyml_nas.export.carriers.cortex_m import CortexM
from tinyml_nas.export.carriers.host_c import HostC
from tinyml_nas.export.carriers.protocol import Carrier, NotAvailable, Quantizer

__all__ = ["Carrier", "CortexM", "HostC", "NotAvailable", "Quantizer"]
