"""Identifiers of the generated C: prefixes that are legal, symbols that are unique."""

from __future__ import annotations

import re
from collections.abc import Iterable

from tinyml_nas.errors import ConfigError

MAX_PREFIX = 40
RESERVED = """
    alignas alignof and and_eq asm auto bitand bitor bool break case catch char class compl concept
    const const_cast constexpr continue decltype default delete do double dynamic_cast else enum
    explicit export extern false float for friend goto if inline int long mutable namespace new
    noexcept not not_eq nullptr operator or or_eq private protected public register
    reinterpret_cast requires restrict return short signed sizeof static static_assert static_cast
    struct switch template this thread_local throw true try typedef typeid typename union unsigned
    using virtual void volatile wchar_t while xor xor_eq main layer
"""


def check_prefix(prefix: str) -> str:
    """``prefix`` as it is, when it can start every symbol of the generated C."""
    legal = re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", prefix) and len(prefix) <= MAX_PREFIX
    if not legal or prefix in RESERVED.split() or prefix.endswith("_") or "__" in prefix:
        raise ConfigError(
            f"compilation.c_prefix {prefix!r} cannot start a C identifier",
            hint=f"use a letter, then letters, digits or single underscores, at most {MAX_PREFIX}, "
            "and no C or C++ keyword",
        )
    return prefix


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
