"""The health of the connection: what is followed, how fresh it is, which rights are missing, what went wrong."""

from __future__ import annotations

from ztui.frame import Frame
from ztui.health import Freshness, Health, KindHealth
from ztui.panes.base import Line, Tone, cell

FRESH_TONES: dict[Freshness, Tone] = {
    Freshness.CONNECTING: "unknown",
    Freshness.LIVE: "pass",
    Freshness.STALE: "warn",
    Freshness.LOST: "fail",
}


def summary(frame: Frame) -> list[Line]:
    """The connection in a few lines."""
    health = frame.health
    problem = frame.problem or (health.problem if health else None)
    lines = []
    if health is not None:
        lines += [
            _line("server", f"{health.server}  {health.server_version}"),
            _line("user", f"{health.user}  ({', '.join(health.groups)})" if health.user else "not known yet"),
            _line("data", _state(health), FRESH_TONES[health.freshness]),
            _line("traffic", f"{health.requests} requests, last heartbeat {health.latency_s * 1000:.0f} ms"),
        ]
        if health.skew_s is not None and abs(health.skew_s) > 300:
            lines.append(_line("clock", f"the server's clock is {health.skew_s:.0f} s ahead of ours", "warn"))
        lines += [_line(f"note {number}", text, "warn") for number, text in enumerate(health.warnings)]
    if problem is not None:
        lines.append(_line("problem", str(problem), "fail"))
    lines.append(_line("loaded", f"{frame.loaded} of {frame.kinds} kinds"))
    return lines


def kinds(health: Health) -> list[Line]:
    """A line for each thing that is followed: those in trouble first."""
    order = sorted(health.kinds, key=lambda item: (_rank(item), item.group, item.plural, item.scope))
    return [_kind(item) for item in order]


def _rank(item: KindHealth) -> int:
    if item.freshness is not Freshness.LIVE:
        return 0
    return {"backing off": 1, "blocked": 2}.get(item.state, 3)


def _kind(item: KindHealth) -> Line:
    name = f"{item.plural}.{item.group}" if item.group else item.plural
    blocked = item.state == "blocked"
    tone: Tone = "unknown" if blocked else FRESH_TONES[item.freshness]
    age = f" {item.silent_s:.0f} s" if item.freshness in {Freshness.STALE, Freshness.LOST} else ""
    return Line(
        f"kind:{name}:{item.scope}",
        (
            cell("✖" if blocked else "●", tone),
            cell(name),
            cell(item.scope or "cluster", "dim"),
            cell(item.state if blocked else f"{item.freshness}{age}", tone),
            cell(str(item.events), "dim"),
            cell(str(item.restarts), "dim"),
            cell(item.note),
        ),
        words=f"{name} {item.state} {item.note}",
        status=item.state,
        namespace=item.scope,
    )


def _state(health: Health) -> str:
    if health.freshness is Freshness.CONNECTING:
        return "connecting"
    if health.freshness is Freshness.LIVE:
        return "live"
    return f"{health.freshness}: nothing heard for {health.silent_s:.0f} s"


def _line(name: str, text: str, tone: Tone = "plain") -> Line:
    return Line(f"health:{name}", (cell(name.split(maxsplit=1)[0], "dim"), cell(text, tone)))
