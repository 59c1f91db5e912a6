"""What every kind shares: identity, metadata, and the one way from bytes to objects.

Hop 2 of the way from watch event to pixel. A field that is not declared here or in a kind is gone after ``decode``; what may hold
a secret (applied-configuration annotations, token-like values) is cut in ``Meta`` before anything can keep it.
"""

from __future__ import annotations

import re
from collections.abc import Hashable
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar, Final, Literal, TypeVar

import msgspec
from msgspec.structs import force_setattr

from ztui.redact import HIDDEN, looks_secret

K = TypeVar("K", bound="Kind")
T = TypeVar("T", bound=Hashable)

CLUSTER: Final = ""
"""The namespace of objects that have none, and the place of a cell that judges the cluster."""

VALUE_LIMIT: Final = 4096
"""Bytes of a label or annotation that are kept; a longer value is replaced by its size."""

_SIZE: Final = re.compile(r"<\d+ characters>")
"""What stands in place of such a value."""

HASHED: Final = frozenset({"OAuthAccessToken", "OAuthAuthorizeToken"})
"""Kinds whose names are hashes of credentials: they are never shown."""

HANDLES: Final = frozenset({"VaultToken"})
"""Kinds whose names are handles of credentials (the accessor of a token): only their beginning is shown, typed and kept."""

ALIASES: Final = frozenset({"VaultEntity", "ActiveViolation"})
"""Kinds whose names are long: the beginning of the last part is typed."""

BEGINNING: Final = 8
"""Letters of such a handle that tell it from others and open nothing."""

_COPIES_OF_OBJECTS: Final = ("kubectl.kubernetes.io/last-applied-configuration", "openshift.io/token-secret.value")


class Ref(msgspec.Struct, frozen=True, order=True):
    """The identity of one object. ``uid`` is empty where only the name is known."""

    group: str
    kind: str
    namespace: str
    name: str
    uid: str = ""

    @property
    def is_hashed(self) -> bool:
        """Whether the name is a hash of a credential."""
        return self.kind in HASHED

    @property
    def shown(self) -> str:
        """The name as it may be shown."""
        if self.kind in HANDLES and len(self.name) > BEGINNING:
            return f"{self.name[:BEGINNING]}..."
        return HIDDEN if self.is_hashed else self.name

    @property
    def typed(self) -> str:
        """What a person types for it: the name, of a handle the part that is shown, of an alias the beginning of its end."""
        if self.kind in ALIASES:
            return self.name.rpartition("/")[2][:BEGINNING]
        return self.name[:BEGINNING] if self.kind in HANDLES else self.name

    def __str__(self) -> str:
        """The short form that people type: ``pod/shop/api`` or ``node/worker-1``."""
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind.lower()}/{place}{self.shown}"


class Owner(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """One entry of ``metadata.ownerReferences``."""

    kind: str
    name: str
    api_version: str = ""
    uid: str = ""
    controller: bool = False

    @property
    def group(self) -> str:
        """The API group; empty for the core group."""
        return self.api_version.rpartition("/")[0]


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """The part of ``metadata`` that is judged or shown.

    Source: meta/v1 ObjectMeta. Labels and annotations are never null; values that carry secrets or whole objects are gone.
    """

    name: str
    uid: str
    resource_version: str
    namespace: str = CLUSTER
    generation: int = 0
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None
    annotations: dict[str, str] | None = None
    owner_references: tuple[Owner, ...] | None = None

    def __post_init__(self) -> None:
        """Cut what may not stay, and make absent collections empty."""
        if not self.name:
            msg = "metadata.name is empty"
            raise ValueError(msg)
        force_setattr(self, "labels", _shared_map(_fitting(self.labels or {})))
        force_setattr(self, "annotations", _harmless(self.annotations or {}))
        force_setattr(self, "owner_references", shared(self.owner_references or ()))


_SHARED: Final[dict[Any, Any]] = {}
_SHARED_LIMIT: Final = 50_000


def shared(value: T) -> T:
    """The first of all equal values: the pods of one controller hold one copy of what they have in common.

    For frozen values only. Saves a third of the memory of a large cluster; what is shared does not grow without end.
    """
    if not value:
        return value  # Nothing is saved, and an empty tuple may not turn into an empty map.
    if len(_SHARED) >= _SHARED_LIMIT:
        _SHARED.clear()
    found: T = _SHARED.setdefault(value, value)
    return found


def _shared_map(values: dict[str, str]) -> dict[str, str]:
    """The same for labels, which nobody changes either."""
    if not values:
        return values
    if len(_SHARED) >= _SHARED_LIMIT:
        _SHARED.clear()
    found: dict[str, str] = _SHARED.setdefault(tuple(values.items()), values)
    return found


class Condition(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """One entry of ``status.conditions``, in the shape that Kubernetes and OpenShift share."""

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    last_transition_time: str | None = None


class Selector(msgspec.Struct, frozen=True, rename="camel"):
    """A label selector. Source: meta/v1 LabelSelector. An empty one selects everything; an absent one (``None``) nothing."""

    match_labels: dict[str, str] | None = None
    match_expressions: tuple[Requirement, ...] | None = None


class Requirement(msgspec.Struct, frozen=True):
    """One expression of a label selector; an operator outside the four makes the object malformed."""

    key: str
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: tuple[str, ...] | None = None


class Kind(msgspec.Struct, frozen=True, rename="camel"):
    """One resource that we read: where the API serves it, and the fields that we keep.

    A subclass sets the class variables. ``VERSIONS`` are those whose fields we know, best first. ``METADATA_ONLY`` asks the
    server for metadata alone. ``ONLY_IN`` is the one namespace that is looked into, where the rest is nobody's business.
    ``FIELDS`` is a field selector, where only a part of the resource is ours (Secrets of one type). ``SINGLE`` names the one
    object (namespace, name) that is read by ``get``, where listing the whole resource would ask for more rights than the
    question needs. Objects that are ``PASSING`` are told and not kept. ``SOURCE`` is who serves it: a cluster, what its login
    says of us, a Vault, a metrics store, our own records, a node that was asked; ``beside`` is what is only written there.
    """

    GROUP: ClassVar[str] = ""
    VERSIONS: ClassVar[tuple[str, ...]] = ("v1",)
    PLURAL: ClassVar[str] = ""
    KIND: ClassVar[str] = ""
    NAMESPACED: ClassVar[bool] = True
    METADATA_ONLY: ClassVar[bool] = False
    ONLY_IN: ClassVar[str] = ""
    FIELDS: ClassVar[str] = ""
    SINGLE: ClassVar[tuple[str, str] | None] = None
    PASSING: ClassVar[bool] = False
    PROFILE: ClassVar[str] = "V"
    SOURCE: ClassVar[Literal["cluster", "session", "vault", "metrics", "records", "node", "beside"]] = "cluster"

    metadata: Meta

    @property
    def name(self) -> str:
        """``metadata.name``."""
        return self.metadata.name

    @property
    def namespace(self) -> str:
        """``metadata.namespace``, empty for cluster-scoped kinds."""
        return self.metadata.namespace

    @property
    def labels(self) -> dict[str, str]:
        """``metadata.labels``, never null."""
        return self.metadata.labels or {}

    @property
    def annotations(self) -> dict[str, str]:
        """``metadata.annotations``, never null, without what was cut."""
        return self.metadata.annotations or {}

    @property
    def owners(self) -> tuple[Owner, ...]:
        """``metadata.ownerReferences``, never null."""
        return self.metadata.owner_references or ()

    @property
    def ref(self) -> Ref:
        """The identity of this object."""
        meta = self.metadata
        return Ref(self.GROUP, self.KIND, meta.namespace, meta.name, meta.uid)

    @property
    def is_going(self) -> bool:
        """Whether the object is being deleted."""
        return self.metadata.deletion_timestamp is not None

    @property
    def created(self) -> datetime | None:
        """When the server made it; ``None`` where that cannot be read."""
        return instant(self.metadata.creation_timestamp)


UNNAMED: Final = "?"
"""Stands for the name of an object that does not tell it."""


class Malformed(msgspec.Struct, frozen=True):
    """An object that its kind cannot hold: listed and counted, never judged. ``version`` is empty where it cannot be read."""

    namespace: str
    name: str
    why: str
    version: str = ""


DECODE_ERRORS: Final = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
"""Everything that decoding hostile bytes raises (three families; ``UnicodeDecodeError`` is a ``ValueError``)."""


@cache
def decoder(of: type[K]) -> msgspec.json.Decoder[K]:
    """The typed JSON decoder of a kind, made once."""
    return msgspec.json.Decoder(of)


def decode(of: type[K], raw: bytes | msgspec.Raw) -> K:
    """Make an object of the kind from its JSON.

    Raises one of ``DECODE_ERRORS`` where the bytes are not what the kind declares.
    """
    found: K = decoder(of).decode(raw)
    return found


def decode_or_malformed(of: type[K], raw: bytes | msgspec.Raw) -> K | Malformed:
    """Make an object, or say which object could not be made and why."""
    try:
        return decode(of, raw)
    except DECODE_ERRORS as error:
        return malformed(raw, str(error) or type(error).__name__)


def malformed(raw: bytes | msgspec.Raw, why: str) -> Malformed:
    """Name an object that could not be decoded as well as its bytes allow."""
    try:
        found = msgspec.json.decode(raw, type=_Loose).metadata
    except DECODE_ERRORS:
        found = None
    if not isinstance(found, dict):
        return Malformed("", UNNAMED, why)
    namespace, name, version = (
        value if isinstance(value := found.get(key), str) else "" for key in ("namespace", "name", "resourceVersion")
    )
    return Malformed(namespace, name or UNNAMED, why, version)


def instant(text: str | None) -> datetime | None:
    """An RFC 3339 time as an aware UTC datetime; ``None`` for anything else (no zone, words, Go's year 1 for no time)."""
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(UTC) if found.tzinfo and found.year > 1 else None
    except (ValueError, OverflowError):
        return None


def condition(conditions: tuple[Condition, ...] | None, type_: str) -> Condition | None:
    """The condition of that type, ``None`` where it is not reported."""
    return next((item for item in conditions or () if item.type == type_), None)


def matches(selector: Selector | None, labels: dict[str, str]) -> bool:
    """Whether a label selector selects these labels.

    Source: apimachinery ``LabelSelectorAsSelector``: a null selector selects nothing, an empty one everything; ``NotIn`` and
    ``DoesNotExist`` hold where the key is missing; ``In`` without values holds nowhere.
    """
    if selector is None:
        return False
    if any(labels.get(key) != value for key, value in (selector.match_labels or {}).items()):
        return False
    return all(_holds(item, labels) for item in selector.match_expressions or ())


def _holds(item: Requirement, labels: dict[str, str]) -> bool:
    values = item.values or ()
    match item.operator:
        case "In":
            return item.key in labels and labels[item.key] in values
        case "NotIn":
            return labels.get(item.key) not in values if item.key in labels else True
        case "Exists":
            return item.key in labels
        case "DoesNotExist":
            return item.key not in labels


class _Loose(msgspec.Struct):
    metadata: Any = None


def _fitting(values: dict[str, str]) -> dict[str, str]:
    if not values or max(map(len, values.values())) <= VALUE_LIMIT:
        return values
    return {key: value if len(value) <= VALUE_LIMIT else f"<{len(value)} characters>" for key, value in values.items()}


def _harmless(values: dict[str, str]) -> dict[str, str]:
    if not values:
        return values
    kept = {key: value for key, value in _fitting(values).items() if key not in _COPIES_OF_OBJECTS}
    return {key: HIDDEN if _may_hide(key, value) else value for key, value in kept.items()}


def _may_hide(key: str, value: str) -> bool:
    """An annotation that names or looks like a credential. Short flags such as ``true`` stay."""
    if len(value) < 16 or (value[0] == "<" and _SIZE.fullmatch(value)):
        return False
    return value.lstrip().startswith('{"apiVersion"') or looks_secret(value) or "password" in key.lower()
