"""Names of the layers that are read: what the file calls them, as far as that works here."""

from __future__ import annotations

import re
from collections.abc import Container

import onnx

from tinyml_nas.graph import INPUT
from tinyml_nas.graph.autoencoder import RESIDUAL

OF_MODULES = """
T_destination add_module apply bfloat16 buffers call_super_init children compile cpu cuda double
dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule
half ipu load_state_dict modules mtia named_buffers named_children named_modules named_parameters
network parameters register_backward_hook register_buffer register_forward_hook
register_forward_pre_hook register_full_backward_hook register_full_backward_pre_hook
register_load_state_dict_post_hook register_load_state_dict_pre_hook register_module
register_parameter register_state_dict_post_hook register_state_dict_pre_hook requires_grad_
set_extra_state set_submodule share_memory state_dict tensors to to_empty train training type xpu
zero_grad
"""
OF_MODELS = "samples mean std centered scale ratio rounded shifted clipped logits scores"
TAKEN = frozenset({INPUT, RESIDUAL, *OF_MODULES.split(), *OF_MODELS.split()})
"""Names that mean something else in a network, a torch module or an exported ONNX model."""


def layer_name(node: onnx.NodeProto, constants: Container[str]) -> str:
    """A readable name, that of the weights or of ``node``, which other layers may have too."""
    weights = [name for name in node.input[1:] if name in constants]
    start = weights[0].removesuffix(".weight") if weights else ""
    if not start or not weights[0].endswith("weight"):
        start = node.name.strip("/").removesuffix(f"/{node.op_type}") or node.op_type.lower()
    name = re.sub(r"\W+", "_", start).strip("_") or node.op_type.lower()
    if name[0].isdigit() or name in TAKEN:
        name = f"{node.op_type.lower()}_{name}"
    return name
