"""Fisher-Rao: the empirical Fisher-Rao-type norm of the weights, as SiGeo takes it.

    F = log( | sum over parameters m of < sum_b g_bm , theta_m > | + 1e-10 )

over the mini-batches b (Liang et al., "Fisher-Rao Metric, Geometry, and Complexity of Neural
Networks", AISTATS 2019; the logarithm and the sum over mini-batches are SiGeo's).  Each parameter
is paired with its own gradient, by name.  Weights before a batch norm add nothing, because the loss
does not depend on their scale; the norm's own scale and shift, and the classifier, do.
"""

from __future__ import annotations

import math

from tinyml_nas.search.proxies.protocol import Probe


def score(probe: Probe) -> float:
    """F, summed in double precision: most of the terms cancel."""
    inner = sum(
        (gradient.double().sum(0) @ probe.parameters[name].double()).item()
        for name, gradient in probe.gradients.items()
    )
    return math.log(abs(inner) + 1e-10)
