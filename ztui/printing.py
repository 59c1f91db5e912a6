"""What is printed on a shell: one document as data, or rows as a table."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from ztui.text import clean, plain

_MARKUP: Final = re.compile(r"[\\`*_{}\[\]()<>#|!&~]|:(?=//)|(?<=www)\.", re.IGNORECASE)
"""What has a meaning in CommonMark, and where the bare links of GitHub's dialect begin (its section 6.9)."""


def out(text: str) -> None:
    """Write data to stdout, whatever its encoding."""
    sys.stdout.write(plain(text, sys.stdout.encoding))
    sys.stdout.flush()


def as_json(document: Mapping[str, Any]) -> str:
    """A document as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n"


def as_yaml(document: object) -> str:
    """A document, or a part of one, as YAML."""
    return msgspec.yaml.encode(document).decode()


def as_data(document: Mapping[str, Any], output: str) -> str:
    """A document as ``yaml``, or else as JSON."""
    return as_yaml(document) if output == "yaml" else as_json(document)


def as_columns(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of clean texts under titles in capitals, each column as wide as its longest text; what is beyond them is left out."""
    table = [[title.upper() for title in titles], *(list(row[: len(titles)]) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "".join(
        "  ".join(f"{text:<{width}}" for text, width in zip(row, widths, strict=True)).rstrip() + "\n" for row in table
    )


def unmarked(text: str) -> str:
    """Text that Markdown leaves alone: no markup, no HTML, no character by its number, no links from a cluster's words."""
    return _MARKUP.sub(r"\\\g<0>", clean(text))
