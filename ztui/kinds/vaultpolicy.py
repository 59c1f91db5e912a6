"""A Vault policy as rules: the reader of its text (HCL or JSON), and the kind that holds what it found.

Source: Vault's ``vault/policy.go`` for what a policy may say; the grammar is the part of HCL 1 that policies use.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any, ClassVar, Final

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.vault import VaultKind

TEXT_LIMIT: Final = 256 * 1024
DEPTH_LIMIT: Final = 16
_SHORTHANDS: Final[dict[str, tuple[str, ...]]] = {
    "deny": ("deny",),
    "read": ("read", "list"),
    "write": ("create", "read", "update", "delete", "list", "patch"),
    "sudo": ("create", "read", "update", "delete", "list", "patch", "sudo"),
}
"""The old word ``policy`` in a path block."""


class PathRule(msgspec.Struct, frozen=True):
    """One ``path`` block: the pattern and its capabilities, sorted. Parameters are not kept: they may hold values."""

    path: str
    capabilities: tuple[str, ...] = ()


class PolicyData(msgspec.Struct, frozen=True):
    """Source: ``sys/policies/acl/NAME``. The text becomes ``rules`` and is gone."""

    policy: str
    rules: tuple[PathRule, ...] = ()

    def __post_init__(self) -> None:
        """Read the text. Raises ValueError where it is no policy."""
        if self.policy:
            force_setattr(self, "rules", tuple(read_policy(self.policy)))
            force_setattr(self, "policy", "")


class VaultPolicy(VaultKind, frozen=True):
    """An access policy, by its rules."""

    PLURAL: ClassVar[str] = "vaultpolicies"
    KIND: ClassVar[str] = "VaultPolicy"

    data: PolicyData

    @property
    def rules(self) -> tuple[PathRule, ...]:
        """Its rules, in the order of the text."""
        return self.data.rules


def read_policy(text: str) -> Iterator[PathRule]:
    """The rules of a policy in HCL or JSON. Raises ValueError for anything else."""
    if len(text) > TEXT_LIMIT:
        raise ValueError("the policy is too long")
    found = _json(text) if text.lstrip().startswith("{") else _Reader(text).body()
    for key, value in found:
        if key == "path":
            for path, block in _labelled(value):
                yield _rule(path, block)


Pairs = list[tuple[str, Any]]


def _json(text: str) -> Pairs:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"not a policy: {error}") from error
    return list(found.items())


def _labelled(value: object) -> Iterator[tuple[str, object]]:
    """The path blocks under the word ``path``: a mapping, or a list of them, as JSON has it."""
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            raise _wrong("path is no block")
        yield from item.items()


def _wrong(why: str) -> ValueError:
    return ValueError(f"not a policy: {why}")


def _rule(path: str, block: object) -> PathRule:
    merged: dict[str, Any] = {}
    for item in block if isinstance(block, list) else [block]:
        if not isinstance(item, dict):
            raise _wrong(f"path {path[:60]!r} has no block")
        merged |= item
    found = set(_words(merged.get("capabilities"))) if merged.get("capabilities") is not None else set()
    short = merged.get("policy")
    if short is not None:
        if not isinstance(short, str) or short not in _SHORTHANDS:
            raise ValueError(f"path {path[:60]!r}: policy {str(short)[:20]!r} is not known")
        found.update(_SHORTHANDS[short])
    return PathRule(path.removeprefix("/"), tuple(sorted(found)))


def _words(value: object) -> Iterable[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("capabilities is no list of words")
    return value


_TOKEN: Final = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*|//[^\n]*|/\*.*?\*/)
    |(?P<text>"(?:[^"\\\n]|\\.)*")
    |<<-?(?P<mark>\w+)\n(?P<here>.*?)\n[ \t]*(?P=mark)(?=\n|$)
    |(?P<word>[A-Za-z_][\w.-]*)
    |(?P<number>-?\d+(?:\.\d+)?)
    |(?P<sign>[{}\[\]=,:])""",
    re.VERBOSE | re.DOTALL,
)


class _Reader:
    """A reader of the HCL that policies use: assignments, lists, objects, labelled blocks."""

    def __init__(self, text: str) -> None:
        self._tokens = list(_tokens(text))
        self._at = 0

    def body(self, depth: int = 0, end: str = "") -> Pairs:
        """Entries up to ``end``; a labelled block is ``(word, {label: {...}})``."""
        if depth > DEPTH_LIMIT:
            raise ValueError("not a policy: nested too deeply")
        found: Pairs = []
        while (token := self._next()) != ("sign", end):
            kind, key = token
            if kind == "end" and not end:
                return found
            if kind not in {"word", "text"}:
                raise ValueError(f"not a policy: {key[:20] or 'the end'!r} where a name must be")
            found.append((key, self._entry(depth)))
            if self._peek() == ("sign", ","):
                self._next()
        return found

    def _entry(self, depth: int) -> Any:
        kind, value = self._next()
        if (kind, value) in {("sign", "="), ("sign", ":")}:
            return self._value(depth)
        if kind in {"text", "word"}:
            return {value: self._entry(depth + 1)}
        if (kind, value) == ("sign", "{"):
            return dict(self.body(depth + 1, "}"))
        raise ValueError(f"not a policy: {value[:20] or 'the end'!r} where a value must be")

    def _value(self, depth: int) -> Any:
        kind, value = self._next()
        if kind in {"text", "word", "number"}:
            return value
        if (kind, value) == ("sign", "{"):
            return dict(self.body(depth + 1, "}"))
        if (kind, value) != ("sign", "[") or depth > DEPTH_LIMIT:
            raise ValueError(f"not a policy: {value[:20] or 'the end'!r} where a value must be")
        found = []
        while self._peek() != ("sign", "]"):
            found.append(self._value(depth + 1))
            if self._peek() == ("sign", ","):
                self._next()
            elif self._peek() != ("sign", "]"):
                raise ValueError("not a policy: a list does not end")
        self._next()
        return found

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")

    def _next(self) -> tuple[str, str]:
        found = self._peek()
        self._at += 1
        return found


def _tokens(text: str) -> Iterator[tuple[str, str]]:
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            raise ValueError(f"not a policy: line {text.count(chr(10), 0, at) + 1} cannot be read")
        at = found.end()
        kind = found.lastgroup or ""
        if found["here"] is not None:
            yield "text", found["here"]
        elif kind == "text":
            yield "text", _unquoted(found[0])
        elif kind != "skip":
            yield kind, found[0]


def _unquoted(text: str) -> str:
    try:
        return str(msgspec.json.decode(text))
    except msgspec.MsgspecError:
        return text[1:-1]
