"""Names and texts of the generated C: symbols that are unique, strings that stay strings."""

from __future__ import annotations

import re
from collections.abc import Iterable


def unique_identifiers(names: Iterable[str]) -> tuple[str, ...]:
    """One legal, distinct identifier part per name, in lower case and in the same order."""
    taken: set[str] = set()
    result = []
    for name in names:
        base = re.sub(r"[^0-9a-z]+", "_", name.lower()).strip("_") or "unnamed"
        part, count = base, 1
        while part in taken:
            count += 1
            part = f"{base}_{count}"
        taken.add(part)
        result.append(part)
    return tuple(result)


def c_string(text: str) -> str:
    """``text`` as a C string literal in plain ASCII: UTF-8 bytes beyond it as octal escapes."""
    plain = (chr(b) if 32 <= b < 127 and b not in b'"\\?' else f"\\{b:03o}" for b in text.encode())
    return '"' + "".join(plain) + '"'


def c_comment(text: str) -> str:
    """``text`` made safe inside a C comment: printable ASCII that cannot end it."""
    plain = "".join(ch if 32 <= ord(ch) < 127 else "?" for ch in text)
    return plain.replace("*/", "* /").replace("/*", "/ *").rstrip("\\")
