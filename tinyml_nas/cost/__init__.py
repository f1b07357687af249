"""What the generated C, or an accelerator, will need for a network, before anything is built.

`promise.py` is the way in: what a network costs on a device, and which layers an NPU takes.
`budget.py` holds that against limits.  Below it, `flash.py` and `latency.py` add up what each layer
needs with the kernel that computes it (`kernels.py`, `unroll.py`), from measured `tables/`;
`arena.py` lays out the RAM (`overlap.py`, `placement.py`), `packing.py` the weights of fewer
than 8 bits; `dilation.py` says how windows are read whose taps lie apart.  `npu/` has one adapter
for each family of accelerators.
"""
