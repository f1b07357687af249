"""Executed instructions of the generated C: per emulated core and kernel, how many each trip costs.

Counted by running the C, compiled with -Os, of random networks; `python benchmarks/fit_cycles.py`
prints this table and its error on networks that it has not seen.  What a trip is, `graph.latency`
says: `pair_tap` is one pass of the innermost loop of a convolution, for two output channels.
"""

from __future__ import annotations

from collections.abc import Mapping

Instructions = Mapping[str, Mapping[str, float]]
"""Kernel to trip to instructions."""

DSP: Instructions = {
    "network": {"run": 30},
    "add": {"layer": 9.0, "value": 15.0},
    "avg_pool": {"row": 5.08, "value": 33.89, "padding": 4.0},
    "clipped_max_pool": {"layer": 5.87, "row": 14.3, "value": 24.05},
    "concat": {"layer": 6.0, "row": 8.0, "narrow_row": 7.0, "value": 5.0},
    "conv": {"layer": 19.12, "row": 64.9, "single_tap": 7.03, "padding": 4.0},
    "conv_dsp": {
        "layer": 18.0,
        "row": 25.0,
        "pair": 38.0,
        "pass": 3.0,
        "word": 19.0,
        "clamped": 8.03,
        "padding": 4.0,
    },
    "depthwise_conv": {"layer": 18.0, "row": 11.0, "value": 28.0, "tap": 6.0, "padding": 4.0},
    "global_avg_pool": {"layer": 6.0, "value": 17.87, "tap": 4.96},
    "global_concat": {"layer": 7.0, "value": 5.5},
    "global_max_pool": {"layer": 35.22, "value": 1.4, "tap": 8.35},
    "lone_conv": {"layer": 19.0, "row": 20.0, "single_tap": 8.0, "padding": 4.0},
    "lone_depthwise_conv": {"layer": 13.0, "row": 8.0, "value": 15.0, "tap": 6.0, "padding": 4.0},
    "max_pool": {"layer": 7.92, "row": 9.02, "value": 10.0},
}
"""The M33 executes what the M4 does, one for one."""

INSTRUCTIONS: Mapping[str, Instructions] = {
    "cortex-m0": {
        "network": {"run": 36},
        "add": {"value": 92.07},
        "avg_pool": {"layer": 7.71, "value": 57.02, "padding": 4.0},
        "clipped_max_pool": {"row": 19.09, "value": 28.28},
        "concat": {"input": 33.26, "row": 11.17, "narrow_row": 7.89, "value": 4.25},
        "conv": {
            "layer": 22.23,
            "row": 15.64,
            "pair": 119.04,
            "pair_tap": 9.0,
            "single": 54.85,
            "single_tap": 5.98,
            "padding": 4.0,
        },
        "depthwise_conv": {
            "layer": 19.98,
            "row": 10.94,
            "value": 61.52,
            "tap": 6.0,
            "padding": 4.0,
        },
        "global_avg_pool": {"value": 41.6, "tap": 6.97},
        "global_concat": {"layer": 4.81, "value": 6.52},
        "global_max_pool": {"layer": 10.53, "value": 4.26, "tap": 7.37},
        "lone_depthwise_conv": {"layer": 12.67, "value": 49.35, "tap": 9.0, "padding": 4.0},
        "max_pool": {"layer": 15.67, "row": 10.21, "value": 10.59},
    },
    "cortex-m3": {
        "network": {"run": 30},
        "add": {"layer": 9.0, "value": 15.0},
        "avg_pool": {"row": 5.08, "value": 33.89, "padding": 4.0},
        "clipped_max_pool": {"layer": 5.87, "row": 14.3, "value": 24.05},
        "concat": {"layer": 6.0, "row": 8.0, "narrow_row": 7.0, "value": 5.0},
        "conv": {
            "layer": 22.0,
            "row": 20.0,
            "pair": 103.0,
            "pair_tap": 10.0,
            "single": 44.81,
            "single_tap": 7.04,
            "padding": 4.0,
        },
        "depthwise_conv": {"layer": 16.0, "row": 11.0, "value": 29.0, "tap": 6.0, "padding": 4.0},
        "global_avg_pool": {"layer": 6.0, "value": 17.87, "tap": 4.96},
        "global_concat": {"layer": 7.0, "value": 5.5},
        "global_max_pool": {"layer": 35.22, "value": 1.4, "tap": 8.35},
        "lone_depthwise_conv": {
            "layer": 13.0,
            "row": 8.0,
            "value": 16.0,
            "tap": 6.0,
            "padding": 4.0,
        },
        "max_pool": {"layer": 7.92, "row": 9.02, "value": 10.0},
    },
    "cortex-m4": DSP,
    "cortex-m7": {
        "network": {"run": 31},
        "add": {"layer": 11.0, "value": 15.0},
        "avg_pool": {"layer": 12.19, "row": 3.73, "value": 34.24, "padding": 4.0},
        "clipped_max_pool": {"layer": 20.42, "row": 9.12, "value": 26.77},
        "concat": {"layer": 2.19, "input": 4.96, "row": 9.01, "narrow_row": 6.49, "value": 5.0},
        "conv": {"layer": 24.34, "row": 67.88, "single_tap": 7.02, "padding": 4.0},
        "conv_dsp": {
            "layer": 18.0,
            "row": 25.0,
            "pair": 38.0,
            "pass": 3.0,
            "word": 19.0,
            "clamped": 8.05,
            "padding": 4.0,
        },
        "depthwise_conv": {"layer": 16.0, "row": 12.0, "value": 28.0, "tap": 6.0, "padding": 4.0},
        "global_avg_pool": {"layer": 9.0, "value": 15.1, "tap": 4.99},
        "global_concat": {"layer": 8.0, "value": 5.5},
        "global_max_pool": {"layer": 26.04, "value": 1.53, "tap": 8.24},
        "lone_conv": {"layer": 23.0, "row": 20.0, "single_tap": 8.0, "padding": 4.0},
        "lone_depthwise_conv": {
            "layer": 16.0,
            "row": 8.0,
            "value": 15.0,
            "tap": 6.0,
            "padding": 4.0,
        },
        "max_pool": {"layer": 13.1, "row": 8.99, "value": 10.0},
    },
    "cortex-m33": DSP,
    "riscv32imc": {
        "network": {"run": 26},
        "add": {"layer": 7.94, "value": 26.0},
        "avg_pool": {"layer": 9.0, "value": 34.75, "padding": 4.0},
        "clipped_max_pool": {"row": 16.23, "value": 21.32},
        "concat": {"layer": 1.0, "input": 4.0, "row": 5.0, "narrow_row": 6.97, "value": 5.0},
        "conv": {
            "layer": 48.95,
            "row": 30.59,
            "pair": 101.26,
            "pair_tap": 15.01,
            "single": 38.54,
            "single_tap": 11.18,
            "padding": 4.0,
        },
        "depthwise_conv": {"layer": 12.89, "row": 7.99, "value": 29.51, "tap": 8.0, "padding": 4.0},
        "global_avg_pool": {"layer": 4.56, "value": 22.18, "tap": 5.98},
        "global_concat": {"layer": 4.0, "value": 4.0},
        "global_max_pool": {"layer": 29.45, "value": 1.91, "tap": 4.49},
        "lone_depthwise_conv": {
            "layer": 28.0,
            "row": 5.0,
            "value": 26.0,
            "tap": 9.0,
            "padding": 4.0,
        },
        "max_pool": {"row": 5.81, "value": 8.41},
    },
}
