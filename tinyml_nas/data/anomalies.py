"""Which class is normal: to anomaly detection all others are anomalies, for the test alone."""

from __future__ import annotations

import difflib
from dataclasses import replace

from tinyml_nas.config import Config
from tinyml_nas.data.records import RecordingSet
from tinyml_nas.errors import DataError, listed


def normal_first(data: RecordingSet, config: Config) -> RecordingSet:
    """The recordings with the normal class in front; upper and lower case are one.

    Raises ``DataError`` where no class is called as ``dataset.normal_class`` says.
    """
    wanted = config.dataset.normal_class
    normal = next((n for n in data.class_names if n.lower() == wanted.lower()), None)
    if normal is None:
        near = difflib.get_close_matches(wanted, data.class_names, n=1)
        raise DataError(
            f"There is no class {wanted!r} to learn what is normal from; the classes are "
            f"{listed(data.class_names)}.",
            hint=f"Set dataset.normal_class{f' to {near[0]!r}' if near else ''}, or rename one.",
        )
    others = tuple(name for name in data.class_names if name != normal)
    return replace(data, class_names=(normal, *others))
