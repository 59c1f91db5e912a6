"""The view: what is known of a cluster at one tick. Immutable, shared, read by everything that judges.

A ``State`` holds the objects as ``kind -> namespace -> name -> object`` and the gaps: what could not be read, and why. A ``View``
is a way to look at a state: it refuses kinds that its reader did not declare, and notes what was read, so that an event
re-judges only what depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Protocol, TypeVar, cast

import msgspec

from ztui.kinds.base import CLUSTER, K, Kind
from ztui.limits import Limits

T = TypeVar("T")

Key = tuple[Any, ...]
"""What was read or has changed: ``(kind,)`` all of it, ``(kind, namespace)`` one partition, ``(kind, namespace, name)`` one
object, ``(kind, namespace, GAP)`` how whole it is, ``NOW`` the minute."""

NOW: Final[Key] = ("now",)
GAP: Final = "\0gap"
EVERYWHERE: Final = "\0everywhere"
"""Stands for every namespace at once where a gap is not about one of them."""
SOMEWHERE: Final = "\0somewhere"
"""In a key: a gap changed anywhere, which whoever asks about the whole wants to know."""


class Why(StrEnum):
    """Why something could not be read; the first word of every ``UNKNOWN``."""

    FORBIDDEN = "forbidden"
    ABSENT = "api-absent"
    UNAVAILABLE = "api-unavailable"
    TIMEOUT = "timeout"
    STALE = "stale"
    PARTIAL = "partial"
    MALFORMED = "malformed"
    NO_SAMPLES = "no-samples"
    NOT_CONNECTED = "not-connected"
    NO_SOURCE = "no-source"
    HOSTED = "hosted"
    K8S = "k8s"
    LOADING = "loading"


class Gap(msgspec.Struct, frozen=True):
    """Why a kind, or its part in one namespace, is not whole. ``detail`` is raw text: it passes the gate on its way out."""

    why: Why
    detail: str = ""

    def __str__(self) -> str:
        """``forbidden(list secrets)`` and the like."""
        return f"{self.why}({self.detail})" if self.detail else str(self.why)


LOADING: Final = Gap(Why.LOADING, "not read yet")

Partition = Mapping[str, Kind]
Objects = Mapping[type[Kind], Mapping[str, Partition]]
Gaps = Mapping[tuple[type[Kind], str], Gap | None]
"""``(kind, EVERYWHERE)`` or ``(kind, namespace)`` -> gap; ``None`` says that this part is whole. ``(kind, SOMEWHERE)`` holds what
is wrong in single places of a kind that is otherwise whole."""


class State(msgspec.Struct, frozen=True):
    """Everything known at one tick. Never changed after it is made; ticks share what they did not touch."""

    objects: Objects = {}
    gaps: Gaps = {}
    now: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    touched: frozenset[Key] = frozenset()
    tick: int = 0

    def __repr__(self) -> str:
        """Short: whoever shows a task or a frame (the event loop does, on its way out) must not spell out a cluster."""
        return f"<State of tick {self.tick}>"

    def gap(self, kind: type[Kind], namespace: str = EVERYWHERE) -> Gap | None:
        """Why the kind is not whole there; ``None`` where it is. A kind nobody has read yet is ``loading``."""
        whole = self.gaps.get((kind, EVERYWHERE), LOADING)
        if namespace != EVERYWHERE:
            return self.gaps.get((kind, namespace), whole)
        return self.gaps.get((kind, SOMEWHERE)) if whole is None else whole

    def loading(self, kinds: Iterable[type[Kind]]) -> set[tuple[type[Kind], str]]:
        """What of these kinds nobody has read yet, and where: everywhere, or in a namespace of those that are read one by one."""
        wanted = frozenset(kinds)
        unknown = {(kind, EVERYWHERE) for kind in wanted if (kind, EVERYWHERE) not in self.gaps}
        return unknown | {at for at, gap in self.gaps.items() if gap == LOADING and at[0] in wanted}

    def count(self, kind: type[Kind]) -> int:
        """How many objects of the kind are held."""
        return sum(len(part) for part in self.objects.get(kind, {}).values())


class Derivation(Protocol):
    """Whoever keeps derived values between ticks."""

    def value(self, function: Callable[..., Any], arguments: tuple[Hashable, ...]) -> Any:
        """The value of ``function(view, *arguments)`` on the state of now."""


class UndeclaredReadError(LookupError):
    """A check read a kind that its card does not name: a bug in the check."""


class View:
    """One reader's look at a state.

    ``allowed`` are the kinds that the reader declared, ``None`` lets it read everything. ``read`` collects the keys that were
    read, where someone wants to know. ``limits`` are the user's; they never change while a cluster is judged, so no key names
    them.
    """

    __slots__ = ("_allowed", "_derivation", "_local", "_read", "limits", "state")

    def __init__(
        self,
        state: State,
        *,
        allowed: frozenset[type[Kind]] | None = None,
        read: set[Key] | None = None,
        derivation: Derivation | None = None,
        limits: Limits = Limits(),  # noqa: B008  an immutable value
    ) -> None:
        self.state = state
        self.limits = limits
        self._allowed = allowed
        self._read = read
        self._derivation = derivation
        self._local: dict[Hashable, Any] = {}

    @property
    def now(self) -> datetime:
        """The time of this tick, rounded down to the minute so that it is an ordinary read."""
        self._note(NOW)
        return self.state.now.replace(second=0, microsecond=0)

    def all(self, kind: type[K]) -> Iterator[K]:
        """Every object of the kind, namespace by namespace, in no promised order."""
        self._check(kind)
        self._note((kind,))
        for part in self.state.objects.get(kind, {}).values():
            yield from cast("Mapping[str, K]", part).values()

    def within(self, kind: type[K], namespace: str) -> tuple[K, ...]:
        """The objects of the kind in one namespace (``CLUSTER`` for a cluster-scoped kind)."""
        self._check(kind)
        self._note((kind, namespace))
        part = cast("Mapping[str, K]", self.state.objects.get(kind, {}).get(namespace, {}))
        return tuple(part.values())

    def get(self, kind: type[K], name: str, namespace: str = CLUSTER) -> K | None:
        """One object by name, ``None`` where it is not there (ask ``gap`` whether that means anything)."""
        self._check(kind)
        self._note((kind, namespace, name))
        part = cast("Mapping[str, K]", self.state.objects.get(kind, {}).get(namespace, {}))
        return part.get(name)

    def gap(self, kind: type[Kind], namespace: str = EVERYWHERE) -> Gap | None:
        """Why the kind is not whole there, ``None`` where it is."""
        self._check(kind)
        self._note((kind, EVERYWHERE, GAP))
        self._note((kind, SOMEWHERE if namespace == EVERYWHERE else namespace, GAP))
        return self.state.gap(kind, namespace)

    def absent(self, kind: type[Kind]) -> bool:
        """Whether the server was asked and proved that it does not serve the kind."""
        gap = self.gap(kind)
        return gap is not None and gap.why is Why.ABSENT

    def derive(self, function: Callable[..., T], *arguments: Hashable) -> T:
        """``function(view, *arguments)``, computed once for as long as nothing it read has changed.

        The function must be pure; what it returns is shared, so it must not be changed.
        """
        if self._derivation is not None:
            return cast("T", self._derivation.value(function, arguments))
        key = (function, arguments)
        if key not in self._local:
            self._local[key] = function(self, *arguments)
        return cast("T", self._local[key])

    def _check(self, kind: type[Kind]) -> None:
        if self._allowed is not None and kind not in self._allowed:
            msg = f"{kind.__name__} is read but not declared"
            raise UndeclaredReadError(msg)

    def _note(self, key: Key) -> None:
        if self._read is not None:
            self._read.add(key)
