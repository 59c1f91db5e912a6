"""Which columns of which list somebody chose: kept in the state folder, for whoever uses this account."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from ztui.private import private_folder

NAME: Final = "columns.json"
LIMIT_BYTES: Final = 64 * 1024
_PLAIN: Final = re.compile(r"[a-z0-9-]{1,40}")
_MANY: Final = 40


class Chosen(msgspec.Struct, frozen=True):
    """What the file holds: the names of the columns by list."""

    version: int = 1
    lists: dict[str, tuple[str, ...]] = {}


class ChosenColumns:
    """The choices, read once when first asked for. Without a folder they last as long as the console."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._lists: dict[str, tuple[str, ...]] | None = None

    def of(self, pane: str) -> tuple[str, ...]:
        """The columns chosen for a list; none where nobody chose."""
        if self._lists is None:
            self._lists = read(self._folder) if self._folder is not None else {}
        return self._lists.get(pane, ())

    def keep(self, pane: str, names: Sequence[str]) -> str:
        """Keep a choice, or forget it without names; says what kept it from being written."""
        self.of(pane)
        lists = {**(self._lists or {}), pane: tuple(names)}
        self._lists = {name: found for name, found in lists.items() if found}
        if self._folder is None:
            return ""
        try:
            write(self._folder, self._lists)
        except OSError as error:
            return f"the choice lasts until ztui ends: {self._folder} cannot be written: {error.strerror}"
        return ""


def read(folder: Path) -> dict[str, tuple[str, ...]]:
    """What is kept in a folder; nothing where the file is missing, too large or odd: it is only a matter of taste."""
    try:
        with (folder / NAME).open("rb") as file:
            found = msgspec.json.decode(file.read(LIMIT_BYTES), type=Chosen)
    except (OSError, msgspec.MsgspecError, RecursionError):
        return {}
    return {
        pane: names
        for pane, names in found.lists.items()
        if _PLAIN.fullmatch(pane) and len(names) <= _MANY and all(_PLAIN.fullmatch(name) for name in names)
    }


def write(folder: Path, lists: dict[str, tuple[str, ...]]) -> None:
    """Keep it, 0600 in a folder of 0700: whole or not at all. Raises OSError."""
    private_folder(folder)
    new = folder / f".{NAME}.{os.getpid()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
        file.write(msgspec.json.encode(Chosen(lists=lists)))
    new.replace(folder / NAME)
