"""Files for the owner's eyes only: reports, exports, pictures, records. Never through a link, never over another file."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path


def private_folder(folder: Path) -> None:
    """Make a folder and what is missing above it, each for its owner only. Raises OSError."""
    for path in reversed([folder, *folder.parents]):
        path.mkdir(mode=0o700, exist_ok=True)


def plain_name(cluster: str) -> str:
    """The name under which things of a cluster are kept: its id; one that is no plain word is hashed into one."""
    if re.fullmatch(r"[A-Za-z0-9-]{1,64}", cluster):
        return cluster
    return hashlib.sha256(cluster.encode(errors="surrogatepass")).hexdigest()[:32]


def write_private(folder: Path, name: str, text: str) -> Path:
    """Write a new file, 0600 in a folder of 0700; a name that is taken gets a number. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stem, dot, end = name.rpartition(".")
    for number in range(1000):
        path = folder / (name if not number else f"{stem}-{number}{dot}{end}")
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
        except FileExistsError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return path
    raise FileExistsError(17, "too many files of that name", str(folder / name))
