"""What leaves a cluster for a bundle, without what may be a credential: objects by their structure, then every text by pattern.

Pure. Values of environment variables, headers and copies of objects in annotations go whatever they say; logs line by line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

from ztui.errors import DataError
from ztui.kinds.base import DECODE_ERRORS
from ztui.redact import HIDDEN, is_secret_of, redact
from ztui.text import clean

LINE_LIMIT: Final = 8 * 1024
"""Characters of one log line; the rest of a longer one is cut off."""

NOTE_LIMIT: Final = 4096
"""Characters of an annotation; of a longer one only its size is kept, as at the door."""

_DEEPEST: Final = 64
_LOOK_EVERY: Final = 500
_DROPPED: Final = frozenset({"managedFields"})
_COPIES: Final = frozenset({"kubectl.kubernetes.io/last-applied-configuration", "openshift.io/token-secret.value"})
_VALUES: Final = frozenset({"env", "httpHeaders"})
"""Lists of names and values, whose values go unseen."""
_WORDS: Final = frozenset({"args", "command"})
_FLAG: Final = re.compile(r"--?[\w-]*(?:token|passw(?:or)?d|secret|api[_-]?key|credential)[\w-]*", re.IGNORECASE)
_SEALED_KINDS: Final = frozenset({"Secret", "SecretList", "OAuthAccessToken", "OAuthAuthorizeToken", "OAuthClient"})
_SEPARATOR: Final = re.compile(r"[\s\"',;&<]")
_KEY_BEGINS: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_KEY_ENDS: Final = re.compile(r"-----END [A-Z ]*PRIVATE KEY-----")


def tree_of(raw: bytes, where: str) -> Any:
    """The JSON of an answer. Raises DataError for what is none, and for an object that nobody may keep."""
    try:
        found = msgspec.json.decode(raw)
    except DECODE_ERRORS as error:
        raise DataError("an answer cannot be read", where=where, why=str(error)) from error
    if not isinstance(found, dict) or found.get("kind") in _SEALED_KINDS:
        raise DataError("an answer is no object that may be kept", where=where)
    return found


def scrubbed(value: object) -> Any:
    """A tree without what may be a credential."""
    return _scrubbed(value, _DEEPEST)


def json_bytes(value: object) -> bytes:
    """A tree as JSON of printable ASCII: no byte of it can do anything to a terminal, whoever prints it."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=True, default=str)
    return text.replace("\x7f", "\\u007f").encode() + b"\n"


def log_text(raw: bytes, *, whole: bool, late: Callable[[], bool]) -> tuple[str, str]:
    """A log line by line through both nets and the text gate, and what was left out, in words.

    ``whole`` is false where its end was cut off, so that the last line may be half of one. ``late`` says that there is no more
    time: the rest is left out.
    """
    lines = raw.decode("utf-8", "replace").split("\n")
    notes = []
    if not whole and lines:
        lines.pop()
    kept: list[str] = []
    cut = 0
    in_key = False
    for at, line in enumerate(lines):
        if at % _LOOK_EVERY == 0 and late():
            notes.append(f"the last {len(lines) - at} lines are left out: cleaning them took too long")
            break
        if in_key:
            in_key = not _KEY_ENDS.search(line)
            kept.append(HIDDEN)
            continue
        begins = _last(_KEY_BEGINS, line)
        in_key = begins >= 0 and _last(_KEY_ENDS, line) < begins
        short = _shortened(line)
        cut += short is not line
        text = redact(short)
        kept.append(
            clean(text, limit=len(text) + 1) + (f" <{len(line) - len(short)} characters cut>" if short is not line else "")
        )
    notes += [f"{cut} lines beyond {LINE_LIMIT} characters are cut"] if cut else []
    return "\n".join(kept), "; ".join(notes)


def _last(pattern: re.Pattern[str], line: str) -> int:
    return max((found.start() for found in pattern.finditer(line)), default=-1)


def _shortened(line: str) -> str:
    """A line of bounded length. It ends between words: half of a token would not be known for one."""
    if len(line) <= LINE_LIMIT:
        return line
    head = line[:LINE_LIMIT]
    ends = [found.start() for found in _SEPARATOR.finditer(head)]
    return head[: ends[-1]] if ends else ""


def _scrubbed(value: object, deep: int) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return _mapping(value, deep - 1) if deep else HIDDEN
    if isinstance(value, list):
        return [_scrubbed(item, deep - 1) for item in value] if deep else HIDDEN
    return value


def _mapping(value: dict[Any, Any], deep: int) -> dict[str, Any]:
    """A mapping; a text also counts as a credential by its key, or by the name that stands beside it."""
    beside = value.get("name")
    found: dict[str, Any] = {}
    for raw_key, item in value.items():
        key = str(raw_key)
        told = beside if key == "value" and isinstance(beside, str) else key
        if key in _DROPPED:
            continue
        if key in _VALUES:
            found[key] = _unvalued(item, deep)
        elif key == "annotations" and isinstance(item, dict):
            found[key] = {redact(str(name)): _annotation(str(name), text) for name, text in item.items() if name not in _COPIES}
        elif key in _WORDS and isinstance(item, list):
            found[key] = _command(item, deep)
        elif isinstance(item, str) and is_secret_of(told, item):
            found[redact(key)] = HIDDEN
        else:
            found[redact(key)] = _scrubbed(item, deep)
    return found


def _unvalued(value: object, deep: int) -> Any:
    """Names and sources of variables, never a value."""
    if isinstance(value, dict):
        return {redact(str(key)): HIDDEN for key in value}
    if not isinstance(value, list):
        return HIDDEN
    found: list[Any] = []
    for item in value:
        if isinstance(item, dict):
            kept = {key: HIDDEN if key == "value" and inner else inner for key, inner in item.items()}
            found.append({redact(str(key)): inner if inner is HIDDEN else _scrubbed(inner, deep) for key, inner in kept.items()})
        else:
            found.append(HIDDEN)
    return found


def _annotation(name: str, value: object) -> str:
    text = str(value)
    if len(text) > NOTE_LIMIT:
        return f"<{len(text)} characters>"
    copies = text.lstrip().startswith(("{", "[")) and any(word in text for word in ('"apiVersion"', '"env"', '"value"'))
    return HIDDEN if copies or is_secret_of(name, text) else redact(text)


def _command(words: list[Any], deep: int) -> list[Any]:
    """The words of a command; what follows a flag that asks for a credential goes with it."""
    found: list[Any] = []
    hide = False
    for word in words:
        found.append(HIDDEN if hide else _scrubbed(word, deep))
        hide = isinstance(word, str) and _FLAG.fullmatch(word) is not None
    return found
