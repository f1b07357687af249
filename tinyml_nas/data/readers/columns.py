"""Which columns become channels: ``variables`` as a count, as numbers or as names."""

from __future__ import annotations

from tinyml_nas.errors import DataError, listed
from tinyml_nas.located.suggest import CUTOFF, closest

Variables = int | tuple[int | str, ...]


SHORT, LIKENESS = 3, 0.5
"""Letters of a name that is suggested from this likeness on: of two letters, one may be wrong."""

NAMES_HINT = "Name columns as the first line of the files does, or count them from 0."


class MissingColumn(DataError):
    """A column that a table does not have.

    ``column`` and ``rest`` are what is said of every file that lacks it alike.
    """

    def __init__(
        self, where: str, wanted: str, names: tuple[str, ...], others: tuple[int | str, ...]
    ) -> None:
        cutoff = LIKENESS if len(wanted) <= SHORT else CUTOFF
        near = closest(wanted, [name for name in names if name not in others], cutoff)
        guess = f"; did you mean {near!r}?" if near else "."
        self.where = where
        self.column = f"column {wanted!r}"
        self.rest = f"columns are {listed(names)}{guess}"
        super().__init__(f"{where} has no {self.column}; its {self.rest}", hint=NAMES_HINT)


def pick_columns(
    variables: Variables,
    names: tuple[str, ...] | None,
    width: int,
    where: str,
    key: str = "variables",
) -> list[int]:
    """Indices of the wanted columns among ``width``; time, label and group columns do not count.

    ``key`` is what asks for them.
    """
    if isinstance(variables, int):
        if variables > width:
            columns = f"{width} column" + "s" * (width != 1)
            raise DataError(
                f"{where} has {columns} of samples, but variables asks for {variables}.",
                hint="Lower data_processing_feature_extraction.variables, or add the column.",
            )
        return list(range(variables))
    return [_pick_one(wanted, names, width, where, key, variables) for wanted in variables]


def _pick_one(
    wanted: int | str,
    names: tuple[str, ...] | None,
    width: int,
    where: str,
    key: str,
    others: tuple[int | str, ...],
) -> int:
    if isinstance(wanted, int):
        if wanted < width:
            return wanted
        raise DataError(
            f"{where} has columns 0 to {width - 1}, but {key} asks for column {wanted}.",
            hint="Columns are counted from 0; time columns do not count.",
        )
    if names is None:
        raise DataError(
            f"{where} has no header, but {key} asks for column {wanted!r}.",
            hint="Give the columns by number, or add a header.",
        )
    if wanted in names:
        return names.index(wanted)
    raise MissingColumn(where, wanted, names, others)


def channel_names(names: tuple[str, ...] | None, picked: list[int]) -> tuple[str, ...]:
    """Names of the channels; ``channel_0`` and so on without a header."""
    if names is None:
        return tuple(f"channel_{index}" for index in picked)
    return tuple(names[index] for index in picked)
