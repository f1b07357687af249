"""TinyML model zoo: one YAML in, a verified int8 model for a microcontroller out."""

import os

__version__ = "0.1.0"

# ONNX Runtime reads it when it is loaded: no device file, no cache folder, no event server
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
