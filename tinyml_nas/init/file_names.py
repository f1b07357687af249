"""What the names of files and folders say: classes, and whose recording it is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

OWNERS = (
    "subject",
    "subj",
    "person",
    "participant",
    "patient",
    "user",
    "volunteer",
    "speaker",
    "machine",
    "motor",
    "pump",
    "device",
    "unit",
    "rig",
    "board",
    "bearing",
    "load",
    "day",
    "session",
)
"""Words before a number that say whose recording it is."""
SHORT = ("sub", "s", "p", "u", "m")
"""The same, only at the start of a name or behind a separator."""
OWNER_COLUMNS = (*OWNERS, "subject_id", "user_id", "id", "machine_id", "device_id", "unit_id")
FEWEST_GROUPS = 3
MOST_CLASSES = 30
SIDE_FOLDERS = {"train": "train", "val": "validation", "validation": "validation", "test": "test"}


@dataclass(frozen=True)
class Found:
    """A regular expression with one group, and what it finds in each name."""

    pattern: str
    values: dict[str, str]

    @property
    def counts(self) -> dict[str, int]:
        """How many names have each value, sorted by value."""
        return dict(sorted(Counter(self.values.values()).items()))


def _matches(pattern: str, names: Sequence[str]) -> Found | None:
    """What ``pattern`` finds, None unless it finds something in every name."""
    found = {name: match[1] for name in names if (match := re.search(pattern, name))}
    return Found(pattern, found) if len(found) == len(names) and names else None


def find_owner(names: Sequence[str], labels: dict[str, str]) -> Found | None:
    """The pattern of a person or machine in every name; None where there are too few of them.

    ``labels`` gives the class of each name: every class must come from several owners, else a
    split by owner would leave a side without it.
    """
    patterns = [rf"(?i){word}[-_ ]?(\d+)" for word in OWNERS]
    patterns += [rf"(?i)(?:^|[-_ /]){word}[-_ ]?(\d+)(?=[-_ /.])" for word in SHORT]
    for pattern in patterns:
        found = _matches(pattern, names)
        if found and _divisible(found, labels):
            return found
    return None


def _divisible(found: Found, labels: dict[str, str]) -> bool:
    """Whether three sides can be made of whole groups, each with every class."""
    owners: dict[str, set[str]] = {}
    for name, owner in found.values.items():
        owners.setdefault(labels.get(name, ""), set()).add(owner)
    fewest = min(len(values) for values in owners.values())
    return fewest >= FEWEST_GROUPS and len(found.counts) < len(found.values)


def find_labels(names: Sequence[str]) -> Found | None:
    """The part of the file names that could be a class: one word, shared by several files."""
    longest = max((len(_words(name)) for name in names), default=0)
    for position in range(longest):
        skipped = r"(?:[^-_. /]+[-_. ]+)" + f"{{{position}}}" if position else ""
        found = _matches(rf"(?:^|/){skipped}([A-Za-z]+)\d*[^/A-Za-z][^/]*$", names)
        if found and _class_like(found):
            return found
    return None


def _words(name: str) -> list[str]:
    return re.split(r"[-_. ]+", PurePosixPath(name).stem)


def _class_like(found: Found) -> bool:
    counts = found.counts
    few = 2 <= len(counts) <= min(MOST_CLASSES, len(found.values) // 2)
    words = not {value.lower() for value in counts} & {*SHORT, *OWNERS, *SIDE_FOLDERS}
    return few and words and min(counts.values()) >= 2


def folders_of(names: Sequence[str]) -> dict[str, list[str]]:
    """The names in each first folder; files beside the folders stand under the empty name."""
    folders: dict[str, list[str]] = {}
    for name in names:
        first, slash, _ = name.partition("/")
        folders.setdefault(first if slash else "", []).append(name)
    return folders
