"""Derived values that follow the state: computed when asked for, kept until something they read changes.

A red-green incremental evaluation. An event marks what may be affected by walking from the changed keys to their readers; what
is asked for again is first verified against what it read, and only recomputed if that really changed. A recomputed value that
equals the old one changes nothing above it: an operator's heartbeat does not re-judge every namespace.

Runs in the judge thread; holds no cluster state of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final

from ztui.kinds.base import Kind
from ztui.limits import Limits
from ztui.view import Key, State, UndeclaredReadError, View

Node = tuple[Callable[..., Any], tuple[Hashable, ...]]
"""A function and its arguments: the name of one derived value."""

MANY: Final = 32
"""From how many values that an entry read on it keeps their order as a table."""


class _Entry:
    __slots__ = ("changed", "inputs", "kinds", "nodes", "order", "stale", "value")

    def __init__(self) -> None:
        self.value: Any = None
        self.inputs: frozenset[Key] = frozenset()
        self.nodes: tuple[Node, ...] = ()
        self.kinds: frozenset[type[Kind]] = frozenset()
        self.order: dict[Node, int] | None = None
        self.changed = 0
        self.stale = False


class Memo:
    """The derived values of one cluster, judged with one set of limits."""

    def __init__(self, limits: Limits = Limits()) -> None:  # noqa: B008  an immutable value
        self._limits = limits
        self._state = State()
        self._revision = 0
        self._entries: dict[Node, _Entry] = {}
        self._readers: defaultdict[Key | Node, set[Node]] = defaultdict(set)
        self._suspects: set[Node] = set()
        self._stack: list[tuple[set[Key], dict[Node, None], frozenset[type[Kind]] | None]] = []
        self.computed = 0

    def advance(self, state: State) -> set[Node]:
        """Move on to a newer state; returns the derived values that may have changed."""
        self._state = state
        self._revision += 1
        found: set[Node] = set()
        front: list[Key | Node] = []
        for key in state.touched:
            if key in self._readers:
                self._outdate(key)
                front.append(key)
        while front:
            for reader in self._readers.get(front.pop(), ()):
                if reader not in found:
                    found.add(reader)
                    front.append(reader)
        self._suspects |= found
        return found

    def value(
        self, function: Callable[..., Any], arguments: tuple[Hashable, ...], allowed: frozenset[type[Kind]] | None = None
    ) -> Any:
        """The value of ``function(view, *arguments)`` on the state of now. ``allowed`` limits what it may read."""
        node: Node = (function, arguments)
        if self._stack:
            self._stack[-1][1][node] = None
            allowed = self._stack[-1][2] if allowed is None else allowed
        entry = self._entries.get(node)
        if entry is None or (node in self._suspects and not self._holds(node, entry)):
            entry = self._compute(node, entry, allowed)
        if allowed is not None and not entry.kinds <= allowed:
            hidden = ", ".join(sorted(kind.__name__ for kind in entry.kinds - allowed))
            msg = f"{hidden}: read through {function.__name__} but not declared"
            raise UndeclaredReadError(msg)
        return entry.value

    def changed(self, function: Callable[..., Any], arguments: tuple[Hashable, ...]) -> bool:
        """Whether the value that was last computed differs from the one of the state before."""
        entry = self._entries.get((function, arguments))
        return entry is not None and entry.changed == self._revision

    def forget(self, function: Callable[..., Any], arguments: tuple[Hashable, ...]) -> None:
        """Drop a value that nobody will ask for again (a namespace that is gone)."""
        node: Node = (function, arguments)
        entry = self._entries.pop(node, None)
        self._suspects.discard(node)
        if entry is not None:
            self._outdate(node)
            self._unread(node, entry)

    def release(self, function: Callable[..., Any], arguments: tuple[Hashable, ...]) -> None:
        """Drop a value that a reader outside asked for, with everything that was only kept for it."""
        front: list[Node] = [(function, arguments)]
        while front:
            node = front.pop()
            entry = self._entries.get(node)
            if entry is not None and not self._readers.get(node):
                self.forget(*node)
                front += entry.nodes

    def _holds(self, node: Node, entry: _Entry) -> bool:
        """Whether nothing that the value was made of has changed; what may have is settled first, in the order it was read."""
        if entry.stale or not all(self._settles(entry, below) for below in self._doubtful(entry)):
            return False
        self._suspects.discard(node)
        return True

    def _settles(self, entry: _Entry, below: Node) -> bool:
        """Bring one value up to date; whether the entry that read it still holds."""
        found = self._entries.get(below)
        if found is None:
            return False
        if below in self._suspects and not self._holds(below, found):
            self._compute(below, found, None)
        return not entry.stale

    def _doubtful(self, entry: _Entry) -> Iterable[Node]:
        """What an entry read that may have changed: found from the smaller side, so that an event costs what it touches."""
        order = entry.order
        if order is None:
            return [below for below in entry.nodes if below in self._suspects]
        return sorted(order.keys() & self._suspects, key=order.__getitem__)

    def _outdate(self, key: Key | Node) -> None:
        """Tell whoever read this that it is another now."""
        for reader in self._readers.get(key, ()):
            self._entries[reader].stale = True

    def _compute(self, node: Node, entry: _Entry | None, allowed: frozenset[type[Kind]] | None) -> Any:
        function, arguments = node
        inputs: set[Key] = set()
        nodes: dict[Node, None] = {}
        self._stack.append((inputs, nodes, allowed))
        try:
            value = function(View(self._state, allowed=allowed, read=inputs, derivation=self, limits=self._limits), *arguments)
        finally:
            self._stack.pop()
        self.computed += 1
        if entry is None:
            entry = self._entries[node] = _Entry()
            entry.changed = self._revision
        else:
            self._unread(node, entry)
            if value != entry.value:
                entry.changed = self._revision
                self._outdate(node)
            else:
                value = entry.value
        entry.value = value
        entry.stale = False
        entry.inputs = frozenset(inputs)
        entry.nodes = tuple(nodes)
        entry.order = {below: at for at, below in enumerate(nodes)} if len(nodes) > MANY else None
        below = (self._entries[name].kinds for name in nodes if name in self._entries)
        entry.kinds = frozenset(key[0] for key in inputs if isinstance(key[0], type)).union(*below)
        for key in (*entry.inputs, *entry.nodes):
            self._readers[key].add(node)
        self._suspects.discard(node)
        return entry

    def _unread(self, node: Node, entry: _Entry) -> None:
        for key in (*entry.inputs, *entry.nodes):
            readers = self._readers.get(key)
            if readers is not None:
                readers.discard(node)
                if not readers:
                    del self._readers[key]
