"""Is the network that was read the one that was given?  Asked on real windows, in every run."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from tinyml_nas.errors import ConfigError, ParityError, ToolError
from tinyml_nas.results.trained import Equality

onnxruntime.disable_telemetry_events()  # of Windows, which reads no variable

TOLERANCE = 1e-4
"""Largest difference of a score, in parts of the largest score: float32 sums in another order."""
COMPARED_WINDOWS = 256

Values = npt.NDArray[np.float32]
Indices = npt.NDArray[np.int64]
Scores = Callable[[Values], Values]
"""Windows (N, C, L) that are not yet normalized to scores (N, outputs)."""


def source_scores(model: onnx.ModelProto, output: str, layout: Indices, file: str) -> Scores:
    """ONNX Runtime on ``model``, window by window, up to the value ``output``.

    ``layout`` says which value of a window the model reads where, the batch of one included.
    """
    whole = onnx.ModelProto()
    whole.CopyFrom(model)
    del whole.graph.output[:]
    whole.graph.output.append(onnx.helper.make_tensor_value_info(output, 1, None))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors come as exceptions
    options.intra_op_num_threads = 1
    try:
        session = onnxruntime.InferenceSession(
            whole.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:
        raise _unrunnable(file, error) from error
    entry = session.get_inputs()[0].name

    def scores(x: Values) -> Values:
        try:
            return np.stack([session.run(None, {entry: w.ravel()[layout]})[0].ravel() for w in x])
        except Exception as error:
            raise _unrunnable(file, error) from error

    return scores


def _unrunnable(file: str, error: Exception) -> ToolError:
    reason = str(error).split("\n")[0]
    return ToolError(f"ONNX Runtime cannot run {file}: {reason}")


def require_equal(ours: Scores, source: Scores, x: Values, file: str) -> Equality:
    """Compare on windows ``x`` (N, C, L) spread over the split.

    Raises ``ParityError`` where they differ, ``ConfigError`` where the source gives no numbers.
    """
    count = min(len(x), COMPARED_WINDOWS)
    spread = x[np.unique(np.linspace(0, len(x) - 1, count).astype(int))]
    wanted = source(spread)
    lost = int((~np.isfinite(wanted)).any(axis=1).sum())
    if lost:
        raise ConfigError(
            f"{file} gives NaN or infinity for {lost} of {len(spread)} windows of the data.",
            hint="its weights, or the samples of the data set, are too large: check both",
        )
    got = ours(spread)
    largest = float(np.abs(wanted).max())
    difference = float(np.abs(wanted - got).max() / max(largest, np.finfo(np.float32).tiny))
    if not difference <= TOLERANCE:
        raise ParityError(
            f"the network read from {file} is not the one in it: on {len(spread)} windows its "
            f"scores differ by {difference:.2g} of the largest, and {TOLERANCE:g} is allowed",
            hint="please report it with the model",
        )
    return Equality(windows=len(spread), difference=difference, tolerance=TOLERANCE)
