"""Executed instructions of the generated C: per emulated core and kernel, how many each trip costs.

Counted by running the C, compiled with -Os, of random networks; `python benchmarks/fit_cycles.py`
prints this table and its error on networks that it has not seen.  What a trip is, `graph.latency`
says: a `tap` of a convolution is one byte of its window, for two output channels.
"""

from __future__ import annotations

from collections.abc import Mapping

Instructions = Mapping[str, Mapping[str, float]]
"""Kernel to trip to instructions."""

DSP: Instructions = {
    "network": {"run": 30},
    "add": {"layer": 16.21, "value": 16.0},
    "avg_pool": {"row": 4.96, "value": 33.92, "padding": 4.0},
    "clipped_max_pool": {"row": 14.62, "value": 23.98},
    "concat": {"layer": 6.0, "row": 8.0, "narrow_row": 7.0, "value": 5.0},
    "conv": {"layer": 46.77, "row": 125.03, "pass": 0.51, "tap": 8.46, "padding": 4.0},
    "conv_dsp": {
        "layer": 18.0,
        "row": 25.0,
        "pair": 38.0,
        "pass": 3.0,
        "word": 19.0,
        "clamped": 8.03,
        "padding": 4.0,
    },
    "depthwise_dsp": {"layer": 17.0, "row": 19.0, "quad": 58.0, "tap_pair": 20.0, "padding": 4.0},
    "global_avg_pool": {"layer": 6.0, "value": 17.87, "tap": 4.96},
    "global_concat": {"layer": 8.23, "value": 5.5},
    "global_max_pool": {"layer": 33.16, "value": 1.42, "tap": 8.35},
    "lone_conv": {"layer": 33.0, "row": 31.63, "tap": 8.37, "padding": 4.0},
    "lone_depthwise_conv": {
        "layer": 17.0,
        "row": 15.81,
        "value": 35.06,
        "tap": 7.0,
        "padding": 4.0,
    },
    "max_pool": {"layer": 7.94, "row": 9.01, "value": 10.0},
}
"""The M33 executes what the M4 does, one for one."""

INSTRUCTIONS: Mapping[str, Instructions] = {
    "cortex-m0": {
        "network": {"run": 37},
        "add": {"value": 33.05},
        "avg_pool": {"layer": 7.71, "value": 57.02, "padding": 4.0},
        "clipped_max_pool": {"row": 19.27, "value": 28.24},
        "concat": {"input": 19.12, "row": 13.23, "narrow_row": 7.95, "value": 4.35},
        "conv": {
            "layer": 34.37,
            "row": 15.63,
            "pair": 124.99,
            "pass": 1.19,
            "tap": 7.95,
            "padding": 4.0,
        },
        "depthwise_conv": {
            "layer": 23.98,
            "row": 16.94,
            "value": 58.52,
            "tap": 6.0,
            "padding": 4.0,
        },
        "global_avg_pool": {"value": 41.6, "tap": 6.97},
        "global_concat": {"layer": 4.6, "value": 6.52},
        "global_max_pool": {"layer": 11.71, "value": 4.27, "tap": 7.35},
        "lone_depthwise_conv": {
            "layer": 11.79,
            "row": 15.0,
            "value": 55.01,
            "tap": 6.0,
            "padding": 4.0,
        },
        "max_pool": {"layer": 15.67, "row": 10.21, "value": 10.59},
    },
    "cortex-m3": {
        "network": {"run": 30},
        "add": {"layer": 16.21, "value": 16.0},
        "avg_pool": {"row": 4.96, "value": 33.92, "padding": 4.0},
        "clipped_max_pool": {"row": 14.62, "value": 23.98},
        "concat": {"layer": 6.0, "row": 8.0, "narrow_row": 7.0, "value": 5.0},
        "conv": {
            "layer": 27.83,
            "row": 20.16,
            "pair": 109.0,
            "pass": 2.01,
            "tap": 8.0,
            "padding": 4.0,
        },
        "depthwise_conv": {"layer": 21.0, "row": 21.0, "value": 48.0, "tap": 7.0, "padding": 4.0},
        "global_avg_pool": {"layer": 6.0, "value": 17.87, "tap": 4.96},
        "global_concat": {"layer": 8.23, "value": 5.5},
        "global_max_pool": {"layer": 33.16, "value": 1.42, "tap": 8.35},
        "lone_depthwise_conv": {
            "layer": 17.0,
            "row": 13.0,
            "value": 34.0,
            "tap": 7.0,
            "padding": 4.0,
        },
        "max_pool": {"layer": 7.94, "row": 9.01, "value": 10.0},
    },
    "cortex-m4": DSP,
    "cortex-m33": DSP,
}
