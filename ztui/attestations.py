"""The file of owners' words: TOML, one ``[[attestation]]`` each. A wrong entry is ignored loudly, never read as less strict.

Fields: check, owner, statement, expires (a day or a time, at most 90 days ahead), and where it is narrower: object, namespace
(a glob); document (a link or a hash).
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from ztui.checks.base import CheckId, catalogue
from ztui.kinds.record import Attestation, record_meta
from ztui.text import clean
from ztui.waivers import ATTESTED_DAYS, SHORTEST_REASON

SIZE_LIMIT_BYTES: Final = 1024 * 1024
_FIELDS: Final = frozenset({"check", "owner", "statement", "expires", "object", "namespace", "document"})


def read_attestations(path: str | None, now: datetime | None = None) -> tuple[list[Attestation], tuple[str, ...]]:
    """The attestations of a file, and what is wrong with it in sentences. No path: none of either."""
    if not path:
        return [], ()
    file = Path(path).expanduser()
    try:
        if not file.is_file() or file.stat().st_size > SIZE_LIMIT_BYTES:
            return [], (f"attestations {clean(path)}: not a file, or larger than 1 MiB",)
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        return [], (f"attestations {clean(path)}: {clean(str(error), limit=200)}",)
    entries = found.get("attestation")
    if not isinstance(entries, list):
        return [], (f"attestations {clean(path)}: no [[attestation]] in it",)
    good, problems = [], []
    for at, entry in enumerate(entries, 1):
        made = _entry(at, entry, now or datetime.now(UTC))
        if isinstance(made, str):
            problems.append(f"attestation {at} is ignored: {made}")
        else:
            good.append(made)
    return good, tuple(problems)


def _entry(at: int, entry: object, now: datetime) -> Attestation | str:
    if not isinstance(entry, Mapping):
        return "it is no table"
    unknown = sorted(set(entry) - _FIELDS)
    if unknown:
        return f"unknown field {clean(str(unknown[0]), limit=60)}"
    check, owner, statement = (str(entry.get(name, "")).strip() for name in ("check", "owner", "statement"))
    expires = _time(entry.get("expires"))
    if CheckId(check) not in catalogue():
        return f"there is no check {clean(check, limit=60) or '(none)'}"
    if not owner or len(statement) < SHORTEST_REASON:
        return f"it needs an owner and a statement of at least {SHORTEST_REASON} characters"
    if expires is None:
        return "expires is no day or time"
    if expires - now > timedelta(days=ATTESTED_DAYS):
        return f"expires is more than {ATTESTED_DAYS} days ahead"
    return Attestation(
        metadata=record_meta(f"a{at}"),
        check=check,
        owner=owner,
        reason=statement,
        expires=expires.isoformat(),
        namespace_glob=str(entry.get("namespace", "*")),
        target=str(entry.get("object", "")),
        ticket=str(entry.get("document", "")),
    )


def _time(value: Any) -> datetime | None:
    """A TOML day, a TOML time or a text as an aware time; a day ends at its end."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value) if len(value) > 10 else date.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=UTC)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC) + timedelta(days=1)
    return None
