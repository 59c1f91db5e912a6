"""The last lines that the containers of a workload wrote: asked for once, without credentials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from ztui.errors import ZtuiError
from ztui.evidence.asking import LogAsk, log_asks_of_view
from ztui.evidence.scrub import log_text
from ztui.kinds.workload import Pod
from ztui.sources.http import Http

LINES: Final = 200
MOST: Final = 6
"""Containers that are asked, a previous life counting as one."""

LIMIT_BYTES: Final = 512 * 1024
TIMEOUT_S: Final = 10.0


class Tail(msgspec.Struct, frozen=True):
    """The end of one log, as raw text; ``problem`` is why there is none."""

    what: str
    lines: tuple[str, ...] = ()
    problem: str = ""


async def tails(http: Http, pods: Iterable[Pod], lines: int = LINES) -> tuple[Tail, ...]:
    """The ends of the logs of these pods, the first few; a refusal of one costs no other."""
    asks = log_asks_of_view(tuple(pods))
    found = [await _tail(http, ask, lines) for ask in asks[:MOST]]
    left = len(asks) - MOST
    return (*found, *([Tail(f"{left} logs more", problem=f"{MOST} are read at most")] if left > 0 else []))


async def _tail(http: Http, ask: LogAsk, lines: int) -> Tail:
    query: Mapping[str, str] = {**dict(ask.query), "tailLines": str(lines), "limitBytes": str(LIMIT_BYTES)}
    try:
        answer = await http.request(
            "GET", ask.url, query=query, accept="*/*", timeout_s=TIMEOUT_S, limit_bytes=LIMIT_BYTES + 64 * 1024
        )
    except ZtuiError as error:
        return Tail(ask.what, problem=str(error))
    text, note = log_text(answer.body, whole=len(answer.body) < LIMIT_BYTES, late=lambda: False)
    return Tail(ask.what, tuple(text.splitlines()[-lines:]), note)
