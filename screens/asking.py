"""Questions that are typed: what the command line of the console asks, and the screens that answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from screens.app import ZtuiApp


def who_can(app: ZtuiApp, question: str) -> None:
    """Answer who may do something."""
    from screens.whocan import WhoCanScreen  # noqa: PLC0415  only where it is asked

    words = question.split()
    if not 2 <= len(words) <= 3:
        app.tell("ask as in `:who-can get secrets`: a verb, a resource, and perhaps a name")
        return
    app.open_main(WhoCanScreen, *words)


def can_reach(app: ZtuiApp, question: str) -> None:
    """Answer whether one workload may reach another."""
    from screens.policy import PassageScreen  # noqa: PLC0415  only where it is asked
    from ztui.panes.reach import split_question  # noqa: PLC0415  the same

    words = split_question(question)
    if words is None:
        app.tell("ask as in `:can-reach shop/web payments/api 8080`: two workloads or addresses, and perhaps a port")
        return
    app.open_main(PassageScreen, *words)


def trust(app: ZtuiApp, question: str) -> None:
    """Answer what is between two workloads."""
    from screens.trust import TrustScreen  # noqa: PLC0415  only where it is asked

    words = question.split()
    if len(words) != 2:
        app.tell("ask as in `:trust shop/web payments/api`: two workloads")
        return
    app.open_main(TrustScreen, *words)


def blast(app: ZtuiApp, question: str) -> None:
    """Answer what one thing can touch, and what can touch it; alone, of what the cursor is on."""
    from screens.blast import BlastScreen  # noqa: PLC0415  only where it is asked

    target = _target(app, question)
    if target:
        app.open_main(BlastScreen, target)
    else:
        app.tell(f"ask as in `:blast deployment/shop/api`: {_TARGETS}")


def bundle(app: ZtuiApp, question: str) -> None:
    """Capture the evidence about one thing into a file; alone, about what the cursor is on."""
    from screens.blast import capture  # noqa: PLC0415  only where it is asked

    target = _target(app, question)
    if target:
        capture(app, target)
    else:
        app.tell(f"name it as in `:bundle deployment/shop/api`: {_TARGETS}")


_TARGETS = "a workload, serviceaccount/NS/NAME, node/NAME, user/NAME or group/NAME"


def _target(app: ZtuiApp, question: str) -> str:
    """What was typed, or what the screen is about; empty where that is not one thing."""
    from screens.base import FrameScreen  # noqa: PLC0415  only where it is asked

    words = question.split()
    if not words and isinstance(app.screen, FrameScreen):
        ref = app.screen.chosen_ref()
        words = [str(ref)] if ref is not None and not ref.is_hashed else []
    return words[0] if len(words) == 1 else ""


def policy(app: ZtuiApp, tab: str) -> None:
    """Open the policy screen, perhaps at one of its tabs."""
    from screens.policy import PolicyScreen  # noqa: PLC0415  after the first paint

    app.open_main(PolicyScreen, tab.replace("-", " "))


def identity(app: ZtuiApp, tab: str) -> None:
    """Open the identity screen, perhaps at its users."""
    from screens.identity import IdentityScreen  # noqa: PLC0415  after the first paint

    app.open_main(IdentityScreen, tab)


def state(app: ZtuiApp, text: str) -> None:
    """Bring an incident to a state, and say why."""
    from ztui.kinds.incident import PHASES  # noqa: PLC0415  only where it is asked

    name, phase, words = (*text.split(maxsplit=2), "", "", "")[:3]
    if not _is_incident(app, name) or phase not in PHASES:
        app.tell(f"ask as in `:state i1234567 contained moved to quarantine`: an incident, one of {', '.join(PHASES)}, words")
    elif app.core is not None:
        app.core.act(name, words, phase)


def note(app: ZtuiApp, text: str) -> None:
    """Write something down about an incident."""
    name, words = (*text.split(maxsplit=1), "", "")[:2]
    if not _is_incident(app, name) or not words:
        app.tell("write as in `:note i1234567 the owner is told`: an incident, and what is to be kept")
    elif app.core is not None:
        app.core.act(name, words)


def _is_incident(app: ZtuiApp, name: str) -> bool:
    return name in app.frame.incidents
