"""One key of a YAML text inside another object: set, and everything else left as a person wrote it.

Pure. Such texts are settings (``config.yaml`` of a ConfigMap), so a text that is no mapping is refused and never overwritten.
"""

from __future__ import annotations

import re
from typing import Any, Final

LIMIT: Final = 64 * 1024
"""Characters of a text that is edited; longer ones are refused."""

_START: Final = re.compile(r"(?:\s*#[^\n]*\n|\s*\n|%[^\n]*\n)*---[ \t]*(?:#[^\n]*)?\n")


def with_key(text: str, key: str, value: Any) -> str:
    """The text with a top-level key set to a plain value. Comments and order stay where the text is in block style.

    Raises ValueError for a text that is no YAML mapping.
    """
    held = _mapping(text)
    if key in held and held[key] == value and type(held[key]) is type(value):
        return text
    wanted = {**held, key: value}
    for made in (_edited(text, key, value), _added(text, key, value), _dumped(wanted)):
        if _reads_as(made, wanted):
            return made
    raise ValueError("the text is not one that can be written again")


def _mapping(text: str) -> dict[Any, Any]:
    import yaml  # noqa: PLC0415  only texts inside of objects need it

    if len(text) > LIMIT:
        raise ValueError(f"the text is longer than {LIMIT} characters")
    try:
        found = yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ValueError("the text is not YAML") from error
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError("the text is not a mapping")  # noqa: TRY004  one error for every text that cannot be edited
    return found


def _reads_as(text: str, wanted: dict[Any, Any]) -> bool:
    try:
        return _mapping(text) == wanted
    except ValueError:
        return False


def _line(key: str, value: Any) -> str:
    return _dumped({key: value}).rstrip("\n")


def _edited(text: str, key: str, value: Any) -> str:
    """The text with the line of the key replaced; a comment behind the value stays."""
    found = re.compile(rf"^{re.escape(key)}[ \t]*:[^\n#]*?(?P<rest>[ \t]*(?:#[^\n]*)?)$", re.MULTILINE)
    return found.sub(lambda match: _line(key, value) + match["rest"], text, count=1)


def _added(text: str, key: str, value: Any) -> str:
    """The text with a line before the first of its own."""
    start = _START.match(text)
    at = start.end() if start else 0
    return f"{text[:at]}{_line(key, value)}\n{text[at:]}"


def _dumped(values: dict[Any, Any]) -> str:
    import yaml  # noqa: PLC0415  as above

    text: str = yaml.safe_dump(values, sort_keys=False)
    return text
