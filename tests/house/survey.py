"""What a tree of Python is made of, measured from its text: folders, functions, imports."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

PACKAGE = "tinyml_nas"


@dataclass(frozen=True)
class Survey:
    """The package below ``root``, a checkout of the project; every path is relative to it."""

    root: Path
    trees: Mapping[str, ast.Module] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        files = sorted((self.root / PACKAGE).rglob("*.py"))
        trees = {f.relative_to(self.root).as_posix(): ast.parse(f.read_bytes()) for f in files}
        object.__setattr__(self, "trees", trees)

    @cached_property
    def lines(self) -> dict[str, int]:
        """Lines of each file."""
        return {
            name: len((self.root / name).read_text(encoding="utf-8").splitlines())
            for name in self.trees
        }

    @cached_property
    def folders(self) -> dict[str, list[str]]:
        """The modules of each folder; its ``__init__`` stands for the folder itself."""
        modules: dict[str, list[str]] = defaultdict(list)
        for name in self.trees:
            folder, _, module = name.rpartition("/")
            if module != "__init__.py":
                modules[folder].append(module)
        return dict(modules)

    @cached_property
    def functions(self) -> dict[str, int]:
        """Lines of each function, by ``file::name``; methods and inner functions count too."""
        return {
            f"{name}::{qualified}": (node.end_lineno or 0) - node.lineno + 1
            for name, tree in self.trees.items()
            for qualified, node in _functions(tree, "")
        }

    @cached_property
    def loose_dicts(self) -> dict[str, int]:
        """How often each file says ``dict[str, Any]``."""
        return {
            name: found
            for name, tree in self.trees.items()
            if (found := sum(ast.unparse(n) == "dict[str, Any]" for n in _subscripts(tree)))
        }

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """What each package, or module beside them, imports of the others."""
        edges: dict[str, set[str]] = {_package(name): set() for name in self.trees}
        for name, tree in self.trees.items():
            for imported in _imported(tree):
                head, *rest = imported.split(".")
                if head == PACKAGE and rest and rest[0] in edges and rest[0] != _package(name):
                    edges[_package(name)].add(rest[0])
        return edges

    @cached_property
    def floors(self) -> list[list[str]]:
        """Packages by floor: each imports only packages of the floors before its own.

        What stands in a circle has no floor and is left out.
        """
        floors: list[list[str]] = []
        known: set[str] = set()
        while floor := sorted(
            p for p, to in self.imports.items() if p not in known and to <= known
        ):
            floors.append(floor)
            known.update(floor)
        return floors


def _functions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if not isinstance(node, ast.ClassDef):
                yield prefix + node.name, node
            yield from _functions(node, f"{prefix}{node.name}.")
        else:
            yield from _functions(node, prefix)


def _subscripts(tree: ast.AST) -> Iterator[ast.Subscript]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Subscript))


def _package(name: str) -> str:
    """The package of a file, or the module that lies beside the packages."""
    return name.split("/")[1].removesuffix(".py")


def _imported(tree: ast.AST) -> Iterator[str]:
    """Names that ``import`` statements load, those of ``from package import module`` whole."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
