"""What the package is made of: folders, lines, functions, loose dicts, imports.

    python benchmarks/house.py [CHECKOUT ...]

Prints one column for each checkout, this one if none is named.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "house")]

from survey import Survey

from tinyml_nas.console import Console

LONG_FUNCTION = 40
FULL_FOLDER = 14


def figures(survey: Survey) -> dict[str, str]:
    """A figure a row; files and lines are those of the package, without tests."""
    functions = survey.functions.values()
    circle = len(survey.imports) - sum(map(len, survey.floors))
    rows = {
        "files": len(survey.trees),
        "lines": sum(survey.lines.values()),
        "files over 400 lines": sum(lines > 400 for lines in survey.lines.values()),
        "folders": len(survey.folders),
        f"folders over {FULL_FOLDER} modules": sum(
            len(modules) > FULL_FOLDER for modules in survey.folders.values()
        ),
        "most modules in a folder": max(map(len, survey.folders.values())),
        "functions": len(functions),
        "median lines of a function": statistics.median(functions),
        f"functions over {LONG_FUNCTION} lines": sum(n > LONG_FUNCTION for n in functions),
        "dict[str, Any]": sum(survey.loose_dicts.values()),
        "files with dict[str, Any]": len(survey.loose_dicts),
        "import floors": len(survey.floors),
        "packages in or above a circle": circle,
        "imports between packages": sum(map(len, survey.imports.values())),
    }
    rows |= {
        f"modules of {folder}": len(modules)
        for folder, modules in sorted(survey.folders.items(), key=lambda f: -len(f[1]))
    }
    return {name: f"{value:,g}" if value < 10_000 else f"{value:,}" for name, value in rows.items()}


def main(checkouts: Sequence[str]) -> None:
    """Print the table."""
    columns = [figures(Survey(Path(checkout))) for checkout in checkouts or [ROOT]]
    names = list(dict.fromkeys(name for column in columns for name in column))
    rows = [(name, *(column.get(name, "–") for column in columns)) for name in names]
    Console().table("", ("", *map(str, checkouts or ["this checkout"])), rows)


if __name__ == "__main__":
    main(sys.argv[1:])
