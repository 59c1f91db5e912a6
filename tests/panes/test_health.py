"""Health: what is no trouble does not look like it, and a refusal is not silence."""

from __future__ import annotations

import pytest

from ztui.errors import ConnectError, ForbiddenError, LoginError, ZtuiError
from ztui.health import Freshness, KindHealth, SideLink
from ztui.panes.health import _kind, side_words


def kind(state: str, note: str) -> KindHealth:
    return KindHealth("things", "new.example", "", state, note, Freshness.LIVE, 0.0, 0, 0, 0)


@pytest.mark.parametrize(
    ("state", "note", "sign", "says", "tone"),
    [
        ("blocked", "api-absent(things.new.example)", "–", "not served", "dim"),
        ("blocked", "forbidden(list things.new.example)", "✖", "blocked", "unknown"),
        ("watching", "", "●", "live", "pass"),
    ],
)
def test_an_api_that_is_not_served_is_no_trouble(state: str, note: str, sign: str, says: str, tone: str) -> None:
    cells = _kind(kind(state, note)).cells
    assert (cells[0].text, cells[3].text, cells[3].tone) == (sign, says, tone)


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (ForbiddenError("get", "logs", "loki"), "refused"),
        (LoginError("credentials expired"), "refused"),
        (ConnectError("the connection broke"), "lost, no news for 9 s"),
        (None, "lost, no news for 9 s"),
    ],
)
def test_who_refuses_us_is_not_lost(problem: ZtuiError | None, says: str) -> None:
    link = SideLink("logs", "https://logs.example", Freshness.LOST, 9.0, found=True, problem=problem, requests=1)
    assert side_words(link) == f"https://logs.example  {says}"
