"""Names of one network: whatever a generated file keeps to itself begins with the network's prefix.

Templates write plain C, such as ``clamp_int8``.  Two networks can still stand in one translation
unit (unity builds), for each gets names of its own when its files are written.
"""

from __future__ import annotations

import re

APART = re.compile(r'(/\*.*?\*/|"(?:\\.|[^"\\])*")', re.DOTALL)
"""Comments and strings, whose words are no names."""
ATTRIBUTE = re.compile(r"__attribute__\s*\(\(.*?\)\)")
FIELD = re.compile(r"(?:\.|->)(\w+)")
MACRO = re.compile(r"^#\s*define\s+(\w+)", re.MULTILINE)
TYPE = re.compile(r"^}\s*(\w+);", re.MULTILINE)


def prefixed(source: str, prefix: str) -> str:
    """A generated C file whose own macros, types, functions and tables begin with ``prefix``.

    Raises ``ValueError`` where that would give two things the same name, or a field another one.
    """
    parts = APART.split(source)
    code = ATTRIBUTE.sub("", "".join(parts[::2]))
    macros = {name for name in MACRO.findall(code) if not name.startswith(f"{prefix.upper()}_")}
    names = {name: f"{prefix.upper()}_{name}" for name in macros}
    names |= {name: f"{prefix}_{name}" for name in _defined(code, prefix)}
    others = set(re.findall(r"\w+", code)) - names.keys()
    if taken := others & set(names.values()):
        raise ValueError(f"{min(taken)} is the name of something else")
    if fields := names.keys() & set(FIELD.findall(code)):
        raise ValueError(f"{min(fields)} is the name of a field too")
    if not names:
        return source
    words = re.compile(rf"\b(?:{'|'.join(sorted(names))})\b")
    parts[::2] = [words.sub(lambda match: names[match[0]], part) for part in parts[::2]]
    return "".join(parts)


def _defined(code: str, prefix: str) -> set[str]:
    """Types, functions and tables that ``code`` defines for itself."""
    static = rf"^(?:static|{prefix.upper()}_\w+)\b[^;={{(\[]*?(\w+)\s*[\[(=]"
    return {*TYPE.findall(code), *re.findall(static, code, re.MULTILINE)}
