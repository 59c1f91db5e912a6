"""The one shape of a recipe: from a view and the object that a finding is on to a plan, without any IO.

A recipe says which writes it would make, whom they touch, what stands in the way and how it is proved. It never talks to a
server: ``changes`` sends what a person has agreed to. ``simulate`` makes the state as it would be, so that the same checks judge
it.
"""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from ztui.checks.base import CheckId, Reason, catalogue
from ztui.kinds.base import Kind, Ref
from ztui.kinds.vaultpaths import paths_of
from ztui.recipes.trees import escaped
from ztui.view import View

RiskClass = Literal["safe", "disruptive", "destructive"]
RISKS: Final[tuple[RiskClass, ...]] = ("safe", "disruptive", "destructive")

MANAGED_BY: Final = "app.kubernetes.io/managed-by"
CHANGE_ID: Final = "ztui.io/change-id"

NOT_THERE: Final = Reason("object-gone", "{what} is not there any more")
AS_WANTED: Final = Reason("as-wanted", "{what}: there is nothing to change by this")

Verb = Literal["apply", "patch", "label", "delete", "status", "merge", "scale"]
"""``apply`` is server-side apply, ``patch`` a JSON Patch, ``label`` a merge patch of metadata that asks for metadata alone,
``delete`` removes one object by its uid, ``status`` a JSON Patch of the subresource ``status``, ``merge`` a merge patch of the
object by its uid, ``scale`` one of its subresource ``scale``."""

Target = Literal["workload", "pod", "node", "account", "person", "application", "image", "fuse", "response", "signal"]
"""What an incident is about, and can be contained at; last of all what tells of it."""

STAND_IN: Final = "00000000-0000-0000-0000-000000000000"
"""Stands for the uid of an owner that a plan makes first: only the server's answer gives the real one."""

SECRET_LIKE: Final = frozenset({"Secret", "OAuthClient", "OAuthAccessToken", "OAuthAuthorizeToken"})
"""Kinds whose answers hold secret values: never dry-run, never diffed, never applied; only ``label`` and ``delete``."""


class Write(msgspec.Struct, frozen=True):
    """One write to one object.

    ``body`` is, for ``apply``, the fields that the recipe owns, without apiVersion, kind, name and namespace; for ``patch`` and
    ``status`` the list of operations; for ``label`` the labels, ``None`` as a value takes one away; for ``delete`` nothing.
    ``creates`` says that the object is not there yet. ``manager`` sets apart what two writes of one recipe own on one object.
    ``drops`` are fields that the manager owned and leaves out now: an apply takes them away. For ``merge`` and ``scale`` the
    body is a tree of values, ``None`` takes one away. ``owner`` is what an earlier write of the same plan makes and this one's
    object belongs to: it goes away with it. ``changes`` says that another recipe may change what this one makes: an undo takes
    it away whatever it says by then.
    """

    kind: type[Kind]
    ref: Ref
    verb: Verb
    body: Any = None
    creates: bool = False
    manager: str = ""
    drops: Any = None
    owner: Ref | None = None
    changes: bool = False

    @property
    def is_secret_like(self) -> bool:
        """Whether the object holds secret values."""
        return self.kind.KIND in SECRET_LIKE

    @property
    def can_be_tried(self) -> bool:
        """Whether the server can say what it would make of it. A Vault never can, nor what stands beside a cluster."""
        return not self.is_secret_like and self.kind.SOURCE == "cluster"


class Note(msgspec.Struct, frozen=True):
    """A sentence of a plan about one object, or about none. Values are raw: they pass the text gate when it is shown."""

    reason: Reason
    values: tuple[tuple[str, str], ...] = ()
    ref: Ref | None = None


class Stop(msgspec.Struct, frozen=True):
    """What stands in the way of a plan. An ``override`` may be given by a person who types the object's name."""

    note: Note
    override: bool = False


class Draft(msgspec.Struct, frozen=True):
    """What a recipe's function returns: the writes in order, whom they touch, what stands in the way."""

    writes: tuple[Write, ...] = ()
    radius: tuple[Note, ...] = ()
    stops: tuple[Stop, ...] = ()


class Question(msgspec.Struct, frozen=True):
    """A value that only a person can give: its name, what is asked, and what is proposed.

    ``told_by`` names the value of a finding that is proposed where there is one.
    """

    name: str
    text: str
    proposed: str = ""
    told_by: str = ""

    def proposal(self, finding: Mapping[str, str]) -> str:
        """What to propose, given the values of a finding."""
        return finding.get(self.told_by, "") or self.proposed


class Plan(msgspec.Struct, frozen=True):
    """A recipe's answer for one object: everything that a person must see before saying yes."""

    recipe: str
    title: str
    risk_class: RiskClass
    on: Ref
    checks: tuple[CheckId, ...]
    writes: tuple[Write, ...]
    radius: tuple[Note, ...] = ()
    stops: tuple[Stop, ...] = ()
    verify_s: float = 60.0
    rolls_back: bool = False
    reboots: bool = False

    @property
    def word(self) -> str:
        """What a person types for a consent: the object's name, the namespace's where a plan has several objects."""
        refs = {write.ref for write in self.writes}
        if any(ref.is_hashed for ref in refs):
            return self.on.name
        if len(refs) == 1:
            return next(iter(refs)).typed
        places, names = {ref.namespace for ref in refs}, {ref.name for ref in refs}
        if places == {""} and len(names) == 1:
            return next(iter(names))
        return next(iter(places)) if len(places) == 1 and places != {""} else self.on.name


RecipeFunction = Callable[..., Draft]
Done = Callable[[View, Ref, View], bool]


class Recipe(msgspec.Struct, frozen=True):
    """A recipe's card and its function.

    ``on`` are the kinds of object that it mends; ``reads`` what its function reads; of what it ``writes`` it ``makes`` some anew
    (and an undo deletes them), and ``deletes`` others; of ``statuses`` it writes the status alone. ``asks`` are the values that
    a person gives. ``done`` proves it where no check does: ``done(view, ref, was)``, ``was`` being the view from before anything
    was sent. ``rolls_back`` takes the change back by itself where it is not proved in time. Of ``scales`` it writes the scale.
    ``contains`` says at which targets it answers an incident; a recipe that no check names does nothing else.
    """

    id: str
    title: str
    risk_class: RiskClass
    on: tuple[str, ...]
    writes: tuple[type[Kind], ...]
    reads: tuple[type[Kind], ...]
    function: RecipeFunction
    asks: tuple[Question, ...] = ()
    verify_s: float = 60.0
    done: Done | None = None
    rolls_back: bool = False
    reboots: bool = False
    makes: tuple[type[Kind], ...] = ()
    deletes: tuple[type[Kind], ...] = ()
    statuses: tuple[type[Kind], ...] = ()
    scales: tuple[type[Kind], ...] = ()
    contains: tuple[Target, ...] = ()

    @property
    def checks(self) -> tuple[CheckId, ...]:
        """The checks whose cards name this recipe."""
        return tuple(card.id for card in catalogue().values() if self.id in card.recipes)


_FOUND: Final[dict[str, Recipe]] = {}


def recipe(  # noqa: PLR0913  each is one line of a card
    name: str,
    title: str,
    *,
    risk_class: RiskClass,
    on: Iterable[type[Kind] | str],
    writes: Iterable[type[Kind]],
    reads: Iterable[type[Kind]] = (),
    asks: Iterable[Question] = (),
    verify_s: float = 60.0,
    done: Done | None = None,
    rolls_back: bool = False,
    reboots: bool = False,
    makes: Iterable[type[Kind]] = (),
    deletes: Iterable[type[Kind]] = (),
    statuses: Iterable[type[Kind]] = (),
    scales: Iterable[type[Kind]] = (),
    contains: Iterable[Target] = (),
) -> Callable[[RecipeFunction], RecipeFunction]:
    """Declare a recipe; the function takes a view, the ref of an object, and what ``asks`` asks for by name."""

    def keep(function: RecipeFunction) -> RecipeFunction:
        if name in _FOUND:
            raise ValueError(f"two recipes are called {name}")
        kinds = tuple(item if isinstance(item, str) else item.KIND for item in on)
        _FOUND[name] = Recipe(
            name,
            title,
            risk_class,
            kinds,
            tuple(writes),
            tuple(reads),
            function,
            tuple(asks),
            verify_s,
            done,
            rolls_back,
            reboots,
            tuple(makes),
            tuple(deletes),
            tuple(statuses),
            tuple(scales),
            tuple(contains),
        )
        return function

    return keep


def kind_of(ref: Ref) -> type[Kind] | None:
    """The kind by which some recipe writes an object; ``None`` where none does.

    A resource may be read by several kinds: the one for that single object comes first, one for another single object never.
    """
    written = (kind for card in recipes().values() for kind in card.writes if (ref.group, ref.kind) == (kind.GROUP, kind.KIND))
    found = [kind for kind in written if kind.SINGLE in {None, (ref.namespace, ref.name)}]
    return min(found, key=lambda kind: kind.SINGLE is None, default=None)


def kinds_used() -> frozenset[type[Kind]]:
    """Everything that some recipe reads or writes and can be followed."""
    return kinds_of_recipes(recipes().values())


def kinds_of_recipes(cards: Iterable[Recipe]) -> frozenset[type[Kind]]:
    """The same for these recipes."""
    found = {kind for card in cards for kind in (*card.reads, *card.writes)}
    return frozenset(
        kind
        for kind in found
        if kind.KIND not in SECRET_LIKE and kind.SOURCE != "beside" and (kind.SOURCE != "vault" or paths_of(kind))
    )


@functools.cache
def recipes() -> Mapping[str, Recipe]:
    """All recipes by id."""
    package = importlib.import_module("ztui.recipes")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"ztui.recipes.{module.name}")
    return dict(sorted(_FOUND.items()))


def recipes_for(ref: Ref, check_ids: Iterable[str]) -> tuple[Recipe, ...]:
    """The recipes that mend one of these checks on an object, the least risky first."""
    wanted = [name for check_id in check_ids if (card := catalogue().get(CheckId(check_id))) for name in card.recipes]
    found = [recipes()[name] for name in dict.fromkeys(wanted) if name in recipes()]
    return tuple(sorted((item for item in found if ref.kind in item.on), key=lambda item: RISKS.index(item.risk_class)))


def plan(view: View, card: Recipe, ref: Ref, answers: Mapping[str, str] | None = None) -> Plan:
    """The plan of a recipe for one object. ``answers`` has a value for each question of the card."""
    draft = card.function(view, ref, **(answers or {}))
    return Plan(
        card.id,
        card.title,
        card.risk_class,
        ref,
        card.checks,
        tuple(item if item.manager else msgspec.structs.replace(item, manager=f"ztui:{card.id}") for item in draft.writes),
        draft.radius,
        draft.stops,
        card.verify_s,
        card.rolls_back,
        card.reboots,
    )


def refused(ref: Ref, because: Reason, **values: object) -> Draft:
    """A plan that changes nothing, and why."""
    return Draft(stops=(Stop(note(because, ref, **values)),))


def gone(ref: Ref) -> Draft:
    """The plan for an object that is not there."""
    return refused(ref, NOT_THERE, what=ref)


def as_wanted(ref: Ref, what: str) -> Draft:
    """The plan for what is right already."""
    return refused(ref, AS_WANTED, what=what)


def ref_to(kind: type[Kind], name: str, namespace: str = "", uid: str = "") -> Ref:
    """The ref of an object of a kind."""
    return Ref(kind.GROUP, kind.KIND, namespace, name, uid)


def applied(of: Kind, body: Mapping[str, Any], *, manager: str = "") -> Write:
    """An apply of fields to an object that is there."""
    return Write(type(of), of.ref, "apply", dict(body), manager=manager)


def made(kind: type[Kind], name: str, namespace: str, body: Mapping[str, Any], *, held: Kind | None = None) -> Write:
    """An object of our own: not there yet, or made before (``held``)."""
    ref = held.ref if held is not None else ref_to(kind, name, namespace)
    return Write(kind, ref, "apply", dict(body), creates=held is None)


def merging(of: Kind, body: Mapping[str, Any]) -> Write:
    """A merge patch of values of an object that is there: nobody is asked who owns them."""
    return Write(type(of), of.ref, "merge", dict(body))


def scaled(of: Kind, replicas: int) -> Write:
    """So many replicas, by the subresource that exists for it."""
    return Write(type(of), of.ref, "scale", {"spec": {"replicas": replicas}})


def owned(write: Write, uid: str = STAND_IN) -> Write:
    """The write with the uid of its owner in its body; as it is where it has none."""
    of = write.owner
    if of is None:
        return write
    reference = {"apiVersion": f"{of.group}/v1" if of.group else "v1", "kind": of.kind, "name": of.name, "uid": uid}
    body = {**write.body, "metadata": {**write.body.get("metadata", {}), "ownerReferences": [reference]}}
    return msgspec.structs.replace(write, body=body)


def patched(of: Kind, *operations: Mapping[str, Any]) -> Write:
    """A JSON Patch of an object that is there; the operations begin with the tests of what they replace."""
    return Write(type(of), of.ref, "patch", msgspec.json.decode(msgspec.json.encode(operations)))


def expect(path: str, value: Any) -> dict[str, Any]:
    """The operation that refuses the patch where the value is another."""
    return {"op": "test", "path": path, "value": value}


def replace(path: str, value: Any) -> dict[str, Any]:
    """The operation that sets a value that is there."""
    return {"op": "replace", "path": path, "value": value}


def add(path: str, value: Any) -> dict[str, Any]:
    """The operation that adds a value."""
    return {"op": "add", "path": path, "value": value}


def remove(path: str) -> dict[str, Any]:
    """The operation that takes a value away."""
    return {"op": "remove", "path": path}


def pointer(*steps: str | int) -> str:
    """A JSON Pointer. Source: RFC 6901, section 3."""
    return "".join(f"/{escaped(step)}" for step in steps)


def note(reason: Reason, ref: Ref | None = None, **values: object) -> Note:
    """A sentence with its values."""
    return Note(reason, tuple((name, str(value)) for name, value in values.items()), ref)
