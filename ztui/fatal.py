"""The last net: a bug becomes one line, a redacted report for the owner's eyes, and exit status 70. Never a local variable."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from ztui import __version__
from ztui.errors import ZtuiError
from ztui.private import write_private
from ztui.redact import redact
from ztui.settings import state_dir
from ztui.text import Clean, clean, clean_lines, plain

EXIT_BUG = 70


def known(error: BaseException) -> ZtuiError | None:
    """The error of ours inside an exception or a group of them; ``None`` where something else is among them."""
    found = list(_leaves(error))
    ours = [item for item in found if isinstance(item, ZtuiError)]
    return ours[0] if ours and len(ours) == len(found) else None


def report(error: BaseException, environ: Mapping[str, str]) -> str:
    """Write the report of a bug; returns the line for the user."""
    leaf = next(_leaves(error))
    cause = clean(redact(f"{type(leaf).__name__}: {leaf}"), limit=300)
    where = _write(error, environ)
    kept = f"; report: {where}" if where else ""
    return f"ztui: a bug: {cause}{kept}. Please report it."


def say(line: str) -> None:
    """Write one line to stderr, whatever its encoding."""
    sys.stderr.write(plain(line, sys.stderr.encoding) + "\n")


def trace(error: BaseException) -> list[Clean]:
    """The traceback as clean, redacted lines; no local variable is in it."""
    return clean_lines(redact("".join(traceback.format_exception(type(error), error, error.__traceback__))))


def _write(error: BaseException, environ: Mapping[str, str]) -> str:
    lines = [f"ztui {__version__}", datetime.now(UTC).isoformat(timespec="seconds"), *trace(error)]
    try:
        name = f"crash-{datetime.now(UTC):%Y%m%dT%H%M%S%f}.txt"
        return str(write_private(state_dir(environ), name, "\n".join(lines) + "\n"))
    except OSError:
        return ""


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for item in error.exceptions:
            yield from _leaves(item)
    else:
        yield error
