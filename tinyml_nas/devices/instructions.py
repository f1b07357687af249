"""Executed instructions of the generated C: per emulated core and kernel, how many each trip costs.

Counted by running the C, compiled with -Os, of random networks; `python benchmarks/fit_cycles.py`
prints this table and its error on networks that it has not seen.  What a trip is, `graph.latency`
says: `pair_tap` is one pass of the innermost loop of a convolution, for two output channels.
"""

from __future__ import annotations

from collections.abc import Mapping

Instructions = Mapping[str, Mapping[str, float]]
"""Kernel to trip to instructions."""

INSTRUCTIONS: Mapping[str, Instructions] = {
    "cortex-m0": {
        "network": {"run": 37},
        "add": {"value": 94.13},
        "avg_pool": {"row": 9.88, "value": 65.2, "padding": 4.0},
        "concat": {"input": 6.36, "value": 5.75},
        "conv": {
            "layer": 21.7,
            "row": 23.42,
            "pair": 141.07,
            "pair_tap": 12.0,
            "single": 64.97,
            "single_tap": 9.02,
            "padding": 4.0,
        },
        "depthwise_conv": {
            "layer": 23.94,
            "row": 10.96,
            "value": 69.51,
            "tap": 6.0,
            "padding": 4.0,
        },
        "global_avg_pool": {"layer": 60.38, "value": 32.78, "tap": 6.2},
        "global_concat": {"layer": 12.0, "value": 6.56},
        "global_max_pool": {"layer": 15.22, "value": 1.98, "tap": 10.57},
        "lone_depthwise_conv": {
            "layer": 14.83,
            "row": 8.95,
            "value": 64.01,
            "tap": 9.0,
            "padding": 4.0,
        },
        "max_pool": {"layer": 13.86, "row": 7.87, "value": 5.34, "tap": 20.26},
    },
    "cortex-m4": {
        "network": {"run": 32},
        "add": {"layer": 13.0, "value": 15.0},
        "avg_pool": {"layer": 29.57, "row": 3.68, "value": 34.18, "padding": 4.0},
        "concat": {"input": 22.29, "value": 5.43},
        "conv": {
            "layer": 24.0,
            "row": 17.0,
            "pair": 58.0,
            "pair_tap": 8.0,
            "single": 23.84,
            "single_tap": 5.03,
            "padding": 4.0,
        },
        "depthwise_conv": {"layer": 24.0, "row": 11.0, "value": 29.0, "tap": 6.0, "padding": 4.0},
        "global_avg_pool": {"layer": 14.06, "value": 17.68, "tap": 5.01},
        "global_concat": {"layer": 9.0, "value": 5.5},
        "global_max_pool": {"layer": 52.36, "value": 0.93, "tap": 8.57},
        "lone_depthwise_conv": {
            "layer": 19.0,
            "row": 10.0,
            "value": 23.0,
            "tap": 8.0,
            "padding": 4.0,
        },
        "max_pool": {"row": 9.81, "value": 11.92, "tap": 11.05},
    },
    "cortex-m33": {
        "network": {"run": 32},
        "add": {"layer": 13.0, "value": 15.0},
        "avg_pool": {"layer": 29.57, "row": 3.68, "value": 34.18, "padding": 4.0},
        "concat": {"input": 22.29, "value": 5.43},
        "conv": {
            "layer": 26.0,
            "row": 16.0,
            "pair": 58.0,
            "pair_tap": 8.0,
            "single": 25.86,
            "single_tap": 5.03,
            "padding": 4.0,
        },
        "depthwise_conv": {"layer": 24.0, "row": 11.0, "value": 30.0, "tap": 6.0, "padding": 4.0},
        "global_avg_pool": {"layer": 14.06, "value": 17.68, "tap": 5.01},
        "global_concat": {"layer": 9.0, "value": 5.5},
        "global_max_pool": {"layer": 52.36, "value": 0.93, "tap": 8.57},
        "lone_depthwise_conv": {
            "layer": 22.05,
            "row": 9.96,
            "value": 21.0,
            "tap": 8.0,
            "padding": 4.0,
        },
        "max_pool": {"row": 9.81, "value": 11.92, "tap": 11.05},
    },
}
