"""The health of the connection: what is followed, how fresh it is, which rights are missing, what went wrong."""

from __future__ import annotations

from ztui.errors import ForbiddenError, LoginError
from ztui.frame import Frame
from ztui.health import Freshness, Health, KindHealth, SideLink, VaultLink
from ztui.panes.base import Line, Tone, cell
from ztui.view import Why

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
    lines += [line for link in frame.vaults for line in _vault(link)]
    lines += [line for link in frame.sides for line in _side(link)]
    if problem is not None:
        lines.append(_line("problem", str(problem), "fail"))
    lines.append(_line("loaded", f"{frame.loaded} of {frame.kinds} kinds"))
    return lines


def vault_words(link: VaultLink) -> str:
    """The connection to one Vault in a line: address, state, who we are and for how long."""
    state = "waiting for an answer" if link.waiting else link.state or str(link.freshness)
    parts = [link.address, f"{state}{_age(link)}"]
    if link.user:
        parts.append(f"as {link.user}")
    if link.token_left_s is not None:
        parts.append(f"token ends in {_span(link.token_left_s)}{', is renewed' if link.renewable else ''}")
    return "  ".join(part for part in parts if part)


def side_words(link: SideLink) -> str:
    """The connection to what stands beside the cluster in a line: address, state, and for how long nothing was heard."""
    if not link.found:
        return "not connected: no Route leads there, and the settings name none"
    state = "refused" if isinstance(link.problem, ForbiddenError | LoginError) else f"{link.freshness}{_age(link)}"
    return "  ".join(part for part in (link.address, state) if part)


def _age(link: SideLink | VaultLink) -> str:
    aged = link.freshness in {Freshness.STALE, Freshness.LOST} and link.silent_s
    return f", no news for {link.silent_s:.0f} s" if aged else ""


def _side(link: SideLink) -> list[Line]:
    lines = [_line(link.name, side_words(link), FRESH_TONES[link.freshness] if link.found else "unknown")]
    if link.problem is not None:
        lines.append(_line(f"{link.name} problem", str(link.problem), "fail" if link.freshness is Freshness.LOST else "warn"))
    return lines


def _vault(link: VaultLink) -> list[Line]:
    tone = "fail" if link.problem is not None else FRESH_TONES[link.freshness]
    lines = [_line(f"vault {link.name}", vault_words(link), tone)]
    if link.problem is not None:
        lines.append(_line(f"vault {link.name}: problem", str(link.problem), "fail"))
    return lines + [_line(f"vault {link.name}: note {number}", text, "warn") for number, text in enumerate(link.warnings)]


def _span(seconds: float) -> str:
    """A time to go, in its largest whole unit."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{seconds:.0f} s"


def kinds(health: Health) -> list[Line]:
    """A line for each thing that is followed: those in trouble first."""
    order = sorted(health.kinds, key=lambda item: (_rank(item), item.group, item.plural, item.scope))
    return [_kind(item) for item in order]


def _rank(item: KindHealth) -> int:
    if item.freshness is not Freshness.LIVE:
        return 0
    return 4 if _is_absent(item) else {"backing off": 1, "blocked": 2}.get(item.state, 3)


def _is_absent(item: KindHealth) -> bool:
    """Whether the server proved that it does not serve the kind: that is no trouble."""
    return item.state == "blocked" and item.note.startswith(Why.ABSENT)


def _kind(item: KindHealth) -> Line:
    name = f"{item.plural}.{item.group}" if item.group else item.plural
    absent = _is_absent(item)
    blocked = item.state == "blocked" and not absent
    tone: Tone = "dim" if absent else "unknown" if blocked else FRESH_TONES[item.freshness]
    age = f" {item.silent_s:.0f} s" if item.freshness in {Freshness.STALE, Freshness.LOST} else ""
    return Line(
        f"kind:{name}:{item.scope}",
        (
            cell("–" if absent else "✖" if blocked else "●", tone),
            cell(name),
            cell(item.scope or "cluster", "dim"),
            cell("not served" if absent else item.state if blocked else f"{item.freshness}{age}", tone),
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
