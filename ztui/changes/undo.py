"""What takes a change back: for each write its opposite, kept in the journal, and only for fields that are still as we left them.

Pure. A change is a list of writes; its undo is the list of their opposites in reverse order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from ztui.changes.writer import Live, Pinned
from ztui.checks.base import Reason
from ztui.kinds.base import Kind, Ref
from ztui.recipes.base import Note, Stop, Verb, Write, note
from ztui.recipes.trees import ABSENT, escaped, former, is_nothing, leaves, value_at

EDITED = Reason("edited-since", "{field} was changed since by somebody else: {ours} was ours, {now} is there now", waivable=False)
GONE = Reason("gone-since", "{what} is not there any more")
OTHER = Reason("made-anew", "{what} is another object of the same name now")
CHANGED = Reason("object-edited", "{what} was made by this change and edited since: it is not deleted")


class Opposite(msgspec.Struct, frozen=True):
    """One write of an undo, as the journal keeps it. ``after`` is what our write left, ``print`` the whole of what it made.

    Without a print it does not matter what somebody made of it since.
    """

    group: str
    kind: str
    namespace: str
    name: str
    uid: str
    verb: Verb
    body: Any = None
    manager: str = ""
    after: Any = None
    print: str = ""

    @property
    def ref(self) -> Ref:
        """The object that it is about."""
        return Ref(self.group, self.kind, self.namespace, self.name, self.uid)


def opposite(write: Write, before: Live | None, after: Live | None) -> Opposite | None:
    """What undoes a write that was made; ``None`` where nothing does."""
    if write.verb in {"delete", "status"} or after is None:
        return None
    ref = write.ref
    head = (ref.group, ref.kind, ref.namespace, ref.name, after.uid)
    if before is None:
        return Opposite(*head, "delete", after=None, print="" if write.changes else after.print)
    if write.verb == "label":
        return Opposite(*head, "label", {key: before.values.get(key) for key in write.body}, write.manager, dict(write.body))
    if write.verb in {"merge", "scale"}:
        return Opposite(*head, write.verb, former(before.values, write.body), write.manager, write.body)
    if isinstance(before.values, Pinned):
        back = before.values.back
        return Opposite(*head, "patch", back, write.manager, before.values.made) if back is not None else None
    if before.hollow and all(_is_under(path, before.hollow) for path in _paths(write.body)):
        found = {f"{at}/{escaped(key)}": value for at in before.hollow for key, value in _filling(write, after, at).items()}
        tests = [{"op": "test", "path": path, "value": value} for path, value in found.items()]
        return Opposite(*head, "patch", [*tests, *({"op": "remove", "path": path} for path in found)], write.manager, found)
    return Opposite(*head, "apply", before.values, write.manager, write.body)


def _filling(write: Write, after: Live, at: str) -> dict[str, Any]:
    """What a write has put into an empty map, or will have."""
    found: dict[str, Any] = value_at(after.values, at) or value_at(write.body, at)
    return found


def _paths(body: Any, pointer: str = "") -> Iterable[str]:
    if isinstance(body, dict) and body:
        for key, value in body.items():
            yield from _paths(value, f"{pointer}/{escaped(key)}")
    else:
        yield pointer


def _is_under(path: str, above: Iterable[str]) -> bool:
    return any(path.startswith(f"{item}/") for item in above)


def as_write(item: Opposite, kind: type[Kind]) -> Write:
    """The write that an opposite is."""
    drops = item.after if item.verb == "apply" else None
    return Write(kind, item.ref, item.verb, item.body, manager=item.manager, drops=drops)


def reading(item: Opposite, kind: type[Kind]) -> Write:
    """The write whose values tell whether the object is still as we left it."""
    if item.verb in {"apply", "merge", "scale"}:
        return Write(kind, item.ref, item.verb, item.after)
    if item.verb == "patch":
        return Write(
            kind, item.ref, "patch", [{"op": "replace", "path": path, "value": value} for path, value in item.after.items()]
        )
    return as_write(item, kind)


def obstacles(item: Opposite, live: Live | None) -> tuple[Stop, ...]:
    """Why a write cannot be taken back as it was made: its object is gone, another of the same name, or edited since."""
    what = str(item.ref)
    if live is None:
        return (Stop(note(GONE, item.ref, what=what)),)
    if live.uid != item.uid:
        return (Stop(note(OTHER, item.ref, what=what)),)
    if item.verb == "delete":
        return (Stop(note(CHANGED, item.ref, what=what)),) if item.print and live.print != item.print else ()
    return tuple(Stop(edit) for edit in edits(item, live))


def edits(item: Opposite, live: Live) -> Iterable[Note]:
    """The fields that are not as our write left them, in a three-way view."""
    ours, now = values(item.after), values(live.values)
    for path, value in ours.items():
        if value is None:  # taken away by us
            back = next((held for at, held in now.items() if at == path or at.startswith(f"{path}.")), ABSENT)
            if not is_nothing(back):
                yield note(EDITED, item.ref, field=path, ours="nothing", now=_short(back))
            continue
        found = now.get(path, ABSENT)
        if found != value and not (is_nothing(found) and is_nothing(value)):
            yield note(EDITED, item.ref, field=path, ours=_short(value), now="nothing" if found is ABSENT else _short(found))


def values(tree: Any) -> Mapping[str, Any]:
    """The values that a write is about, by path."""
    if isinstance(tree, Pinned):
        return tree.held
    if isinstance(tree, dict) and all(key.startswith("/") for key in tree) and tree:
        return tree
    return dict(leaves(tree))


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    return text if len(text) <= 80 else f"{text[:79]}…"
