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
    "network": {"run": 29},
    "add": {"layer": 16.2, "value": 16.0},
    "avg_pool": {"row": 4.95, "value": 33.92, "padding": 4.0},
    "clipped_max_pool": {"row": 12.7, "value": 24.61},
    "concat": {"layer": 6.0, "row": 8.0, "narrow_row": 6.5, "value": 5.0},
    "conv": {"layer": 45.71, "row": 125.02, "pass": 0.54, "tap": 8.46, "padding": 4.0},
    "conv_dsp": {
        "layer": 18.0,
        "row": 25.0,
        "pair": 38.0,
        "pass": 3.0,
        "word": 19.0,
        "clamped": 8.03,
        "padding": 4.0,
    },
    "depthwise_conv": {"layer": 12.44, "row": 19.88, "value": 41.47, "tap": 6.99, "padding": 4.0},
    "depthwise_dsp": {"layer": 17.0, "row": 19.0, "quad": 58.0, "tap_pair": 20.0, "padding": 4.0},
    "global_avg_pool": {"layer": 7.67, "value": 17.19, "tap": 4.98},
    "global_concat": {"layer": 10.27, "value": 5.47},
    "global_max_pool": {"layer": 33.16, "value": 1.42, "tap": 8.35},
    "lone_conv": {"row": 34.92, "pass": 15.23, "tap": 5.08, "padding": 4.0},
    "lone_depthwise_conv": {
        "layer": 17.0,
        "row": 15.81,
        "value": 35.06,
        "tap": 7.0,
        "padding": 4.0,
    },
    "max_pool": {"layer": 7.95, "row": 9.01, "value": 10.0},
}
"""The M33 executes what the M4 does, one for one."""

INSTRUCTIONS: Mapping[str, Instructions] = {
    "cortex-m0": {
        "network": {"run": 36},
        "add": {"value": 33.07},
        "avg_pool": {"layer": 7.6, "value": 57.03, "padding": 4.0},
        "clipped_max_pool": {"row": 16.38, "value": 29.38},
        "concat": {"input": 6.33, "row": 12.66, "narrow_row": 8.0, "value": 4.59},
        "conv": {
            "layer": 34.37,
            "row": 15.67,
            "pair": 124.97,
            "pass": 1.19,
            "tap": 7.95,
            "padding": 4.0,
        },
        "depthwise_conv": {
            "layer": 23.95,
            "row": 16.95,
            "value": 58.52,
            "tap": 6.0,
            "padding": 4.0,
        },
        "global_avg_pool": {"value": 41.23, "tap": 7.0},
        "global_concat": {"layer": 4.6, "value": 6.52},
        "global_max_pool": {"layer": 12.18, "value": 4.32, "tap": 7.29},
        "lone_depthwise_conv": {
            "layer": 12.9,
            "row": 15.0,
            "value": 55.0,
            "tap": 6.0,
            "padding": 4.0,
        },
        "max_pool": {"layer": 19.72, "row": 9.18, "value": 10.6},
    },
    "cortex-m3": {
        "network": {"run": 30},
        "add": {"layer": 16.2, "value": 16.0},
        "avg_pool": {"row": 4.95, "value": 33.92, "padding": 4.0},
        "clipped_max_pool": {"row": 12.7, "value": 24.61},
        "concat": {"layer": 6.0, "row": 8.0, "narrow_row": 6.5, "value": 5.0},
        "conv": {
            "layer": 27.87,
            "row": 20.11,
            "pair": 109.01,
            "pass": 2.01,
            "tap": 8.0,
            "padding": 4.0,
        },
        "depthwise_conv": {"layer": 21.0, "row": 21.0, "value": 48.0, "tap": 7.0, "padding": 4.0},
        "global_avg_pool": {"layer": 7.79, "value": 17.14, "tap": 4.99},
        "global_concat": {"layer": 10.27, "value": 5.47},
        "global_max_pool": {"layer": 33.16, "value": 1.42, "tap": 8.35},
        "lone_depthwise_conv": {
            "layer": 17.0,
            "row": 13.0,
            "value": 34.0,
            "tap": 7.0,
            "padding": 4.0,
        },
        "max_pool": {"layer": 7.95, "row": 9.01, "value": 10.0},
    },
    "cortex-m4": DSP,
    "cortex-m33": DSP,
}
