"""A foreign network as one of ours: read, joined, proven equal on real windows."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import onnx
import torch
from torch import Tensor

from tinyml_nas.features import Normalization
from tinyml_nas.graph import Network, Shape
from tinyml_nas.importers.ending import Wanted, told
from tinyml_nas.importers.equality import Scores, Values, require_equal
from tinyml_nas.importers.source import read_source
from tinyml_nas.results.trained import Equality, Source
from tinyml_nas.train.builder import NetworkModule
from tinyml_nas.train.loop import predict


@dataclass(frozen=True)
class Imported:
    """A network with weights; ``normalization`` is what its own input does to the features.

    ``notes`` say what was left out or costs more here than where it comes from; ``digest`` is the
    SHA-256 of the files.  ``validation_score`` is that of weights which came along, where anything
    validates.
    """

    network: Network
    state: dict[str, Tensor]
    normalization: Normalization
    notes: tuple[str, ...]
    equality: Equality
    file: str = ""
    digest: str = ""
    validation_score: float | None = None

    @property
    def source(self) -> Source:
        """What results.json says of where it comes from."""
        return Source(
            file=self.file,
            sha256=self.digest,
            notes=list(self.notes),
            equality=self.equality,
            validation_score=self.validation_score,
        )


def import_model(
    model: onnx.ModelProto, windows: Values, wanted: Wanted, name: str, file: str
) -> Imported:
    """``model`` as a network called ``name``, equal to it on ``windows`` (N, C, L).

    ``wanted`` is what the task asks for; ``file`` is for messages.  Raises ``ConfigError`` for what
    cannot run here, ``ToolError`` for what ONNX Runtime cannot run, ``ParityError`` where the
    networks differ.
    """
    source = read_source(model, Shape(*windows.shape[1:]), wanted, name, file)
    state = {name: torch.from_numpy(array) for name, array in source.weights.items()}
    module = NetworkModule(source.network)
    module.load_state_dict(state)
    normalization = source.normalization
    entry = partial(_normalized, normalization) if wanted.rebuilds else None
    ours = told(our_scores(module, normalization), source.ending, entry)
    equality = require_equal(ours, source.scores, windows, file)
    return Imported(source.network, state, normalization, source.notes, equality)


def our_scores(module: NetworkModule, normalization: Normalization) -> Scores:
    """Our network on windows that are not yet normalized."""
    mean, std = normalization.mean.reshape(1, -1, 1), normalization.std.reshape(1, -1, 1)

    def scores(x: Values) -> Values:
        return predict(module, torch.from_numpy((x - mean) / std)).numpy()

    return scores


def _normalized(normalization: Normalization, x: Values) -> Values:
    """Windows (N, C, L) as the network reads them."""
    mean, std = normalization.mean.reshape(1, -1, 1), normalization.std.reshape(1, -1, 1)
    return np.asarray((x - mean) / std, np.float32)
