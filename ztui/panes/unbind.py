"""What if this binding went away: a line for each of its subjects, with what it would lose, keep, and no longer become."""

from __future__ import annotations

from collections.abc import Sequence

from ztui.engines.marks import GapNote, gap_in
from ztui.engines.paths import EVERYTHING, PATHS
from ztui.engines.unbind import Loss, Right, losses
from ztui.kinds.base import Ref
from ztui.kinds.rbac import ClusterRoleBinding, RoleBinding
from ztui.panes.access import is_whole
from ztui.panes.base import Line, Tone, cell, prose
from ztui.text import mark_name
from ztui.view import View
from ztui.words import gap_text


def loss_lines(view: View, binding: Ref) -> tuple[Line, ...]:
    """What each subject of a binding would lose; empty where there is no such binding."""
    found = losses(view, binding)
    if found is None:
        kind = RoleBinding if binding.kind == "RoleBinding" else ClusterRoleBinding
        unseen = gap_in(view, (kind,), binding.namespace)
        return (_unseen_line(binding, unseen),) if unseen is not None else ()
    complete = is_whole(view)
    sure = complete and gap_in(view, PATHS, "") is None
    return tuple(_line(item, binding, complete=complete, sure=sure) for item in found)


def words(item: Loss, binding: Ref, *, complete: bool = True, sure: bool = True) -> str:
    """One subject in a sentence of raw text; what was not read might leave it more, or cut it off from more."""
    told = _told(item, binding)
    if not complete:
        return f"{told} Not all roles and bindings could be read: it may keep more, or lose more."
    return told if sure else f"{told} Not all that one gets on by could be read: it may be cut off from more."


def _told(item: Loss, binding: Ref) -> str:
    if not item.lost and not item.cut_off:
        return f"Without {binding} {item.subject} loses nothing: it holds all {len(item.kept)} rights by other bindings too."
    text = f"Without {binding} {item.subject} may no longer {_some(item.lost)}." if item.lost else f"Without {binding}:"
    if item.kept:
        text += f" It keeps {len(item.kept)} rights by other bindings."
    if item.cut_off:
        names = (EVERYTHING,) if EVERYTHING in item.cut_off else item.cut_off
        text += f" It no longer gets to {_list(names, 4)}, by whatever steps."
    return f"{text} In the group: {_list(item.members, 6)}." if item.members else text


def _unseen_line(binding: Ref, gap: GapNote) -> Line:
    told = f"{gap[0]} could not all be read: {gap_text(gap[1])}; whether there is a {binding} is unknown."
    blank = (cell("?", "unknown") for _ in range(4))
    return Line("unseen", (cell(gap[0]), *blank, prose(told, "unknown")), status="unknown", ref=binding)


def _line(item: Loss, binding: Ref, *, complete: bool, sure: bool) -> Line:
    tone: Tone = "warn" if item.lost else "dim"
    cut = [name for name in item.cut_off if name != EVERYTHING]
    reach = "everything" if EVERYTHING in item.cut_off else f"{len(cut)} others" if cut else "–" if sure else ""
    reach += "" if sure or EVERYTHING in item.cut_off else "+?" if cut else "?"
    return Line(
        f"loss:{item.subject}",
        (
            cell(mark_name(item.subject), "strong"),
            cell(f"{len(item.lost):>4}{'' if complete else '?'}", tone),
            cell(f"{len(item.kept):>4}{'' if complete else '+?'}"),
            cell(reach, "warn" if item.cut_off else "dim" if sure else "unknown"),
            cell(_some(item.lost) if item.lost else "nothing" if complete else "?", tone if complete or item.lost else "unknown"),
            prose(words(item, binding, complete=complete, sure=sure)),
        ),
        words=f"{item.subject} {_some(item.lost)}",
        ref=binding,
    )


def _some(rights: tuple[Right, ...]) -> str:
    return _list([_right(right) for right in rights], 5)


def _list(names: Sequence[str], most: int) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _right(right: Right) -> str:
    verb = "do anything with" if right.verb == "*" else right.verb
    what = f"{right.resource}.{right.group}" if right.group not in {"", "*"} else right.resource
    what = {"*": "everything", "": right.path}.get(what, what)
    return f"{verb} {what}{f' ({right.names[0]} …)' if right.names else ''}"
