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
        "network": {"run": 34},
        "add": {"value": 94.13, "padding": 4.0},
        "avg_pool": {"row": 2.95, "value": 67.14, "padding": 4.0},
        "concat": {"input": 18.34, "value": 5.73, "padding": 4.0},
        "conv": {
            "layer": 22.78,
            "row": 23.12,
            "pair": 141.1,
            "pair_tap": 12.0,
            "single": 65.25,
            "single_tap": 9.02,
            "padding": 4.0,
        },
        "depthwise_conv": {
            "layer": 25.8,
            "row": 13.83,
            "value": 74.45,
            "tap": 10.01,
            "padding": 4.0,
        },
        "global_avg_pool": {"layer": 15.43, "value": 21.96, "tap": 6.28, "padding": 4.0},
        "global_concat": {"layer": 5.0, "value": 7.0, "padding": 4.0},
        "global_max_pool": {"value": 2.03, "tap": 10.62, "padding": 4.0},
        "max_pool": {"layer": 13.0, "row": 9.09, "value": 6.38, "tap": 19.13, "padding": 4.0},
    },
    "cortex-m4": {
        "network": {"run": 28},
        "add": {"layer": 13.0, "value": 15.0, "padding": 4.0},
        "avg_pool": {"layer": 15.0, "row": 3.79, "value": 35.14, "padding": 4.0},
        "concat": {"layer": 8.0, "input": 18.29, "value": 5.43, "padding": 4.0},
        "conv": {
            "layer": 24.0,
            "row": 17.0,
            "pair": 58.0,
            "pair_tap": 8.0,
            "single": 23.87,
            "single_tap": 5.04,
            "padding": 4.0,
        },
        "depthwise_conv": {"layer": 22.0, "row": 11.0, "value": 32.0, "tap": 6.0, "padding": 4.0},
        "global_avg_pool": {"layer": 7.86, "value": 17.82, "tap": 5.02, "padding": 4.0},
        "global_concat": {"layer": 10.29, "value": 5.49, "padding": 4.0},
        "global_max_pool": {"layer": 5.0, "value": 0.93, "tap": 9.07, "padding": 4.0},
        "max_pool": {"layer": 7.63, "row": 8.18, "value": 12.75, "tap": 10.25, "padding": 4.0},
    },
    "cortex-m33": {
        "network": {"run": 28},
        "add": {"layer": 13.0, "value": 15.0, "padding": 4.0},
        "avg_pool": {"layer": 15.0, "row": 3.79, "value": 35.14, "padding": 4.0},
        "concat": {"layer": 8.0, "input": 18.29, "value": 5.43, "padding": 4.0},
        "conv": {
            "layer": 26.0,
            "row": 16.0,
            "pair": 58.0,
            "pair_tap": 8.0,
            "single": 25.93,
            "single_tap": 5.02,
            "padding": 4.0,
        },
        "depthwise_conv": {"layer": 22.0, "row": 11.0, "value": 29.0, "tap": 6.0, "padding": 4.0},
        "global_avg_pool": {"layer": 7.86, "value": 17.82, "tap": 5.02, "padding": 4.0},
        "global_concat": {"layer": 10.29, "value": 5.49, "padding": 4.0},
        "global_max_pool": {"layer": 5.0, "value": 0.93, "tap": 9.07, "padding": 4.0},
        "max_pool": {"layer": 7.63, "row": 8.18, "value": 12.75, "tap": 10.25, "padding": 4.0},
    },
}
