"""Just enough protobuf to read what kubectl's typed clients post: the envelope and a handful of kinds.

Field numbers are those of the generated.proto files of k8s.io/api. Answers are always JSON.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

from ztui.demo.answers import ApiError, Obj

MAGIC = b"k8s\x00"
MEDIA_TYPE = "application/vnd.kubernetes.protobuf"

# A message is {number: (name, type)}; type is `s`tring, `b`ytes, `i`nteger, `t`rue/false, a nested message,
# [type] for repeated, or (type,) for a map from strings.
Schema = dict[int, tuple[str, Any]]
_TIME: Schema = {1: ("seconds", "i")}
_OWNER: Schema = {
    1: ("kind", "s"), 3: ("name", "s"), 4: ("uid", "s"), 5: ("apiVersion", "s"), 6: ("controller", "t"),
    7: ("blockOwnerDeletion", "t"),
}  # fmt: skip
_META: Schema = {
    1: ("name", "s"), 2: ("generateName", "s"), 3: ("namespace", "s"), 5: ("uid", "s"), 6: ("resourceVersion", "s"),
    11: ("labels", ("s",)), 12: ("annotations", ("s",)), 13: ("ownerReferences", [_OWNER]), 14: ("finalizers", ["s"]),
}  # fmt: skip
_RESOURCE: Schema = {
    1: ("namespace", "s"), 2: ("verb", "s"), 3: ("group", "s"), 4: ("version", "s"), 5: ("resource", "s"),
    6: ("subresource", "s"), 7: ("name", "s"),
}  # fmt: skip
_PATH: Schema = {1: ("path", "s"), 2: ("verb", "s")}
_ACCESS: Schema = {1: ("resourceAttributes", _RESOURCE), 2: ("nonResourceAttributes", _PATH)}
_EXTRA: Schema = {1: ("items", ["s"])}
_SUBJECT: Schema = {**_ACCESS, 3: ("user", "s"), 4: ("groups", ["s"]), 5: ("extra", (_EXTRA,)), 6: ("uid", "s")}
_RULE: Schema = {
    1: ("verbs", ["s"]), 2: ("apiGroups", ["s"]), 3: ("resources", ["s"]), 4: ("resourceNames", ["s"]),
    5: ("nonResourceURLs", ["s"]),
}  # fmt: skip
_RBAC_SUBJECT: Schema = {1: ("kind", "s"), 2: ("apiGroup", "s"), 3: ("name", "s"), 4: ("namespace", "s")}
_ROLE_REF: Schema = {1: ("apiGroup", "s"), 2: ("kind", "s"), 3: ("name", "s")}
_ROLE: Schema = {1: ("metadata", _META), 2: ("rules", [_RULE])}
_BINDING: Schema = {1: ("metadata", _META), 2: ("subjects", [_RBAC_SUBJECT]), 3: ("roleRef", _ROLE_REF)}
_DELETE: Schema = {
    1: ("gracePeriodSeconds", "i"), 2: ("preconditions", {1: ("uid", "s"), 2: ("resourceVersion", "s")}),
    4: ("propagationPolicy", "s"), 5: ("dryRun", ["s"]),
}  # fmt: skip


_PORT_OR_NAME: Schema = {1: ("type", "i"), 2: ("intVal", "i"), 3: ("strVal", "s")}
_SERVICE: Schema = {
    1: ("ports", [{1: ("name", "s"), 2: ("protocol", "s"), 3: ("port", "i"), 4: ("targetPort", _PORT_OR_NAME)}]),
    2: ("selector", ("s",)), 3: ("clusterIP", "s"), 4: ("type", "s"), 10: ("externalName", "s"),
}  # fmt: skip
_CONTAINER: Schema = {
    1: ("name", "s"), 2: ("image", "s"), 3: ("command", ["s"]), 4: ("args", ["s"]), 14: ("imagePullPolicy", "s"),
    6: ("ports", [{1: ("name", "s"), 3: ("containerPort", "i"), 4: ("protocol", "s")}]),
}  # fmt: skip
_POD_SPEC: Schema = {2: ("containers", [_CONTAINER]), 3: ("restartPolicy", "s"), 8: ("serviceAccountName", "s")}
_TEMPLATE: Schema = {1: ("metadata", _META), 2: ("spec", _POD_SPEC)}
_SELECTOR: Schema = {1: ("matchLabels", ("s",))}
_DEPLOYMENT: Schema = {1: ("replicas", "i"), 2: ("selector", _SELECTOR), 3: ("template", _TEMPLATE)}


def _with_spec(spec: Schema) -> Schema:
    return {1: ("metadata", _META), 2: ("spec", spec)}


KINDS: dict[str, Schema] = {
    "SelfSubjectAccessReview": _with_spec(_ACCESS),
    "SubjectAccessReview": _with_spec(_SUBJECT),
    "LocalSubjectAccessReview": _with_spec(_SUBJECT),
    "SelfSubjectRulesReview": _with_spec({1: ("namespace", "s")}),
    "SelfSubjectReview": {1: ("metadata", _META)},
    "TokenReview": _with_spec({1: ("token", "s"), 2: ("audiences", ["s"])}),
    "TokenRequest": _with_spec({1: ("audiences", ["s"]), 4: ("expirationSeconds", "i")}),
    "Deployment": _with_spec(_DEPLOYMENT),
    "Service": _with_spec(_SERVICE),
    "Namespace": {1: ("metadata", _META)},
    "ServiceAccount": {1: ("metadata", _META), 4: ("automountServiceAccountToken", "t")},
    "ConfigMap": {1: ("metadata", _META), 2: ("data", ("s",)), 4: ("immutable", "t")},
    "Secret": {1: ("metadata", _META), 2: ("data", ("b",)), 3: ("type", "s"), 4: ("stringData", ("s",))},
    "Eviction": {1: ("metadata", _META), 2: ("deleteOptions", _DELETE)},
    "DeleteOptions": _DELETE,
    "Role": _ROLE,
    "ClusterRole": _ROLE,
    "RoleBinding": _BINDING,
    "ClusterRoleBinding": _BINDING,
}


def decode(body: bytes) -> Obj:
    """The object in a protobuf request body. Raises a 415 ApiError for a kind we cannot read."""
    if not body.startswith(MAGIC):
        raise ApiError(400, "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]")
    envelope = _message(body[len(MAGIC) :], {1: ("type", {1: ("apiVersion", "s"), 2: ("kind", "s")}), 2: ("raw", "r")})
    type_meta = envelope.get("type") or {}
    schema = KINDS.get(type_meta.get("kind", ""))
    if schema is None:
        raise ApiError(
            415,
            "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml",
            details={},
        )
    return {**type_meta, "metadata": {}, **_message(envelope.get("raw", b""), schema)}


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    at = 0
    while at < len(data):
        tag, at = _varint(data, at)
        if tag & 7 == 0:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif tag & 7 == 2:
            size, at = _varint(data, at)
            yield tag >> 3, data[at : at + size]
            at += size
        else:
            at += 8 if tag & 7 == 1 else 4


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ApiError(400, "unexpected EOF")


def _message(data: bytes, schema: Schema) -> Obj:
    found: Obj = {}
    for number, value in _fields(data):
        if number not in schema:
            continue
        name, kind = schema[number]
        if isinstance(kind, list):
            found.setdefault(name, []).append(_value(value, kind[0]))
        elif isinstance(kind, tuple):
            entry = _message(_bytes(value), {1: ("key", "s"), 2: ("value", kind[0])})
            items = entry.get("value", "")
            found.setdefault(name, {})[entry.get("key", "")] = items.get("items", []) if kind[0] is _EXTRA else items
        else:
            found[name] = _value(value, kind)
    return found


def _value(value: int | bytes, kind: Any) -> Any:
    if kind is _PORT_OR_NAME:
        read = _message(_bytes(value), kind)
        return read.get("strVal") if read.get("type") else read.get("intVal", 0)
    if isinstance(kind, dict):
        return _message(_bytes(value), kind)
    return _SCALARS[kind](value)


def _bytes(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ApiError(400, "proto: wrong wireType")
    return value


_SCALARS: dict[str, Callable[[Any], Any]] = {
    "s": lambda value: _bytes(value).decode("utf-8", "replace"),
    "b": lambda value: base64.b64encode(_bytes(value)).decode(),
    "r": _bytes,
    "i": int,
    "t": bool,
}
