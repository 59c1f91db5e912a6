"""Reads a file and a YAML document within limits: size, nodes, depth, aliases, no tags, no blocking on odd files.

Used for kubeconfigs and for every other YAML file that a person hands us. Nothing here knows what the document means.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

SIZE_LIMIT_BYTES: Final = 4 * 1024 * 1024
NODE_LIMIT: Final = 200_000
DEPTH_LIMIT: Final = 64
ALIAS_LIMIT: Final = 100

_TYPE_NAMES: Final = {
    dict: "mapping",
    list: "list",
    str: "text",
    bool: "boolean",
    int: "number",
    float: "number",
    type(None): "nothing",
}
_UNPRINTABLE: Final = re.compile("[^\x09\x0a\x0d\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SAFE_TAGS: Final = "tag:yaml.org,2002:"

Node = None | bool | int | float | str | list["Node"] | dict[str, "Node"]
"""What a document may hold; mappings have text keys only."""
Place = tuple[int, int]
"""Line and column, from zero."""


class FileError(Exception):
    """A file or document cannot be used; the message is the reason alone, short, and without the path."""


@dataclass(slots=True)
class Document:
    """One parsed document: its root, and what was odd but harmless (``line 7: duplicate key "name", the first one wins``)."""

    root: Node
    warnings: list[str] = field(default_factory=list)


def read_limited(path: Path, limit_bytes: int = SIZE_LIMIT_BYTES) -> bytes:
    """Read a regular file of at most so many bytes; never waits on a FIFO or a device.

    Raises FileError with the reason.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except FileNotFoundError:
        raise FileError("no such file") from None
    except PermissionError:
        raise FileError("permission denied") from None
    except (OSError, ValueError) as error:
        raise FileError(getattr(error, "strerror", None) or str(error)) from error
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise FileError(f"is {_odd_type(mode)}, not a file")
    try:
        mode = os.fstat(handle).st_mode
        if not stat.S_ISREG(mode):
            raise FileError(f"is {_odd_type(mode)}, not a file")
        parts = bytearray()
        while chunk := os.read(handle, min(1 << 20, limit_bytes + 1 - len(parts))):
            parts += chunk
        if len(parts) > limit_bytes:
            raise FileError(f"larger than {limit_bytes // 1024} KiB")
        return bytes(parts)
    except OSError as error:
        raise FileError(error.strerror or "cannot be read") from error
    finally:
        os.close(handle)


def decode_text(raw: bytes) -> str:
    """Decode UTF-8 (or UTF-16 with a mark) and refuse control characters. Raises FileError with line and column."""
    encoding = "utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        before = raw[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        raise FileError(f"line {line}, column {column}: not UTF-8 (byte 0x{raw[error.start]:02x})") from None
    if found := _UNPRINTABLE.search(text):
        line, column = text.count("\n", 0, found.start()) + 1, found.start() - text.rfind("\n", 0, found.start())
        raise FileError(f"line {line}, column {column}: control character U+{ord(found.group()):04X}")
    return text


def parse_yaml(raw: bytes) -> Document:
    """Parse one YAML (or JSON) document. Raises FileError with line and column, in at most 300 characters."""
    builder = _Builder()
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(decode_text(raw), Loader=loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        at = "" if mark is None else _place((mark.line, mark.column))
        raise FileError(f"{at}{error.problem or 'not YAML'}"[:300]) from None
    except yaml.YAMLError as error:
        raise FileError(f"not YAML: {error}".replace("\n", " ")[:300]) from None
    return Document(builder.root, builder.warnings)


def kind_of(node: object) -> str:
    """The user's word for the type of a node: mapping, list, text, number, boolean or nothing."""
    return _TYPE_NAMES.get(type(node), type(node).__name__)


class _Builder:
    """Folds parser events into plain values; its own stack, so that depth costs no recursion."""

    def __init__(self) -> None:
        self.root: Node = None
        self.warnings: list[str] = []
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._nodes = 0
        self._aliases = 0
        self._documents = 0

    def take(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.ScalarEvent):
            self._check_tag(event.tag, _at(event))
            self._put(self._named(event.anchor, _scalar(event), 1), _at(event), 1)
        elif isinstance(event, yaml.AliasEvent):
            self._alias(event)
        elif isinstance(event, (yaml.MappingStartEvent, yaml.SequenceStartEvent)):
            self._open(event)
        elif isinstance(event, (yaml.MappingEndEvent, yaml.SequenceEndEvent)):
            done = self._stack.pop()
            self._put(self._named(done.anchor, done.value, self._nodes - done.nodes_before + 1), done.at, 1)
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise FileError(f"{_place(_at(event))}a second document begins here")

    def _open(self, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        self._check_tag(event.tag, _at(event))
        if len(self._stack) >= DEPTH_LIMIT:
            raise FileError(f"{_place(_at(event))}nested deeper than {DEPTH_LIMIT} levels")
        value: list[Node] | dict[str, Node] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._stack.append(_Open(value, event.anchor, _at(event), self._nodes))

    def _alias(self, event: yaml.AliasEvent) -> None:
        self._aliases += 1
        if self._aliases > ALIAS_LIMIT:
            raise FileError(f"{_place(_at(event))}more than {ALIAS_LIMIT} aliases")
        if event.anchor not in self._anchors:
            raise FileError(f"{_place(_at(event))}alias to an unknown or unfinished anchor")
        value, weight = self._anchors[event.anchor]
        self._put(value, _at(event), weight)

    def _named(self, anchor: str | None, value: Node, weight: int) -> Node:
        if anchor is not None:
            self._anchors[anchor] = (value, weight)
        return value

    def _put(self, value: Node, at: Place, weight: int) -> None:
        self._nodes += weight
        if self._nodes > NODE_LIMIT:
            raise FileError(f"{_place(at)}more than {NODE_LIMIT} nodes")
        if not self._stack:
            self.root = value
        elif (warning := self._stack[-1].add(value, at)) is not None:
            self.warnings.append(warning)

    def _check_tag(self, tag: str | None, at: Place) -> None:
        if tag is not None and tag != "!" and not tag.startswith(_SAFE_TAGS):
            raise FileError(f"{_place(at)}custom tags are not allowed ({tag[:60]})")
        if tag is not None and tag.startswith(f"{_SAFE_TAGS}python"):
            raise FileError(f"{_place(at)}custom tags are not allowed ({tag[:60]})")


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end has not come yet."""

    value: list[Node] | dict[str, Node]
    anchor: str | None
    at: Place
    nodes_before: int
    key: str | None = None

    def add(self, value: Node, at: Place) -> str | None:
        """Take the next item, key or value; says what was odd about it."""
        if isinstance(self.value, list):
            self.value.append(value)
            return None
        if self.key is None:
            if isinstance(value, (list, dict)):
                raise FileError(f"{_place(at)}a {kind_of(value)} cannot be a key")
            self.key = value if isinstance(value, str) else str(value)
            return None
        key, self.key = self.key, None
        if key in self.value:
            return f'{_place(at)}duplicate key "{key[:60]}", the first one wins'
        self.value[key] = value
        return None


def _scalar(event: yaml.ScalarEvent) -> Node:
    """Resolve a plain scalar by the JSON-compatible core of YAML 1.1; anything quoted or tagged otherwise stays text."""
    if event.style or event.tag in {"!", f"{_SAFE_TAGS}str"}:
        return str(event.value)
    text = str(event.value)
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text.lower() in _BOOLEANS:
        return _BOOLEANS[text.lower()]
    if _NUMBER.fullmatch(text):
        return int(text) if text.lstrip("+-").isdigit() else float(text)
    return text


_BOOLEANS: Final = {"true": True, "false": False, "yes": True, "no": False, "on": True, "off": False}
_NUMBER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})(?:\.[0-9]{1,40})?(?:[eE][-+]?[0-9]{1,3})?")


def _at(event: yaml.Event) -> Place:
    mark = event.start_mark
    return (0, 0) if mark is None else (mark.line, mark.column)


def _place(at: Place) -> str:
    return f"line {at[0] + 1}, column {at[1] + 1}: "


def _odd_type(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a FIFO" if stat.S_ISFIFO(mode) else "a device or socket"
