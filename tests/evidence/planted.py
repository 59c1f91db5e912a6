"""Secrets in every format that the nets know, each told apart by a random part that must turn up nowhere."""

from __future__ import annotations

import base64
import random
from collections.abc import Callable
from typing import Final

_LETTERS: Final = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


def _jwt(mark: str) -> str:
    body = base64.urlsafe_b64encode(f'{{"sub":"{mark}"}}'.encode()).decode().rstrip("=")
    return f"eyJhbGciOiJSUzI1NiJ9.{body}.{mark}"


FORMATS: Final[tuple[Callable[[str], str], ...]] = (
    lambda mark: f"session {_jwt(mark)} accepted",
    lambda mark: f"sha256~{mark}",
    lambda mark: f"hvs.{mark}",
    lambda mark: f"AKIA{mark[:16].upper()}",
    lambda mark: f"ghp_{mark}",
    lambda mark: f"glpat-{mark}",
    lambda mark: f"postgres://user:{mark}@db.shop:5432/x",
    lambda mark: f"Authorization: Bearer {mark}",
    lambda mark: f"password={mark}",
    lambda mark: f"api_key: '{mark}'",
    lambda mark: f'{{"client_secret":"{mark}"}}',
    lambda mark: f"aws_secret_access_key={mark}",
    lambda mark: f"Server=db;Pwd={mark};Encrypt=yes",
    lambda mark: f"github_pat_{mark}",
    lambda mark: f"xoxb-{mark}",
)


class Planted:
    """Makes secrets and remembers what of each must not be found."""

    def __init__(self, seed: int = 7) -> None:
        self._random = random.Random(seed)  # noqa: S311  the same ones each time
        self.marks: list[str] = []

    def mark(self) -> str:
        """A random word of 24 letters."""
        found = "".join(self._random.choice(_LETTERS) for _ in range(24))
        self.marks.append(found)
        return found

    def secret(self) -> str:
        """The next secret, in the next format."""
        at = len(self.marks) % len(FORMATS)
        mark = self.mark()
        if FORMATS[at]("x").startswith("AKIA"):
            self.marks[-1] = mark[:16].upper()
        return FORMATS[at](mark)

    def found_in(self, data: bytes) -> list[str]:
        """Those that are there."""
        return [mark for mark in self.marks if mark.encode() in data]
