"""Label and field selectors as list and watch take them: parsed once, asked many times."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ztui.demo.answers import Obj, bad_request
from ztui.demo.catalogue import Resource

Predicate = Callable[[Obj], bool]

# Fields that each resource can be selected by, beside metadata.name and metadata.namespace.
FIELDS: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "pods"): (
        "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName", "spec.hostNetwork",
        "status.phase", "status.podIP", "status.podIPs", "status.nominatedNodeName",
    ),
    ("", "secrets"): ("type",),
    ("", "namespaces"): ("status.phase",),
    ("", "nodes"): ("spec.unschedulable",),
    ("", "services"): ("spec.clusterIP", "spec.type"),
    ("", "replicationcontrollers"): ("status.replicas",),
    ("apps", "replicasets"): ("status.replicas",),
    ("batch", "jobs"): ("status.successful",),
    ("", "events"): (
        "involvedObject.kind", "involvedObject.namespace", "involvedObject.name", "involvedObject.uid",
        "involvedObject.apiVersion", "involvedObject.resourceVersion", "involvedObject.fieldPath",
        "reason", "reportingComponent", "source", "type",
    ),
    ("events.k8s.io", "events"): (
        "regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid", "regarding.apiVersion",
        "regarding.resourceVersion", "regarding.fieldPath", "reason", "reportingController", "type",
    ),
    ("route.openshift.io", "routes"): ("spec.host", "spec.path", "spec.to.name"),
    ("certificates.k8s.io", "certificatesigningrequests"): ("spec.signerName",),
    ("oauth.openshift.io", "oauthaccesstokens"): ("clientName", "userName", "userUID", "authorizeToken"),
    ("build.openshift.io", "builds"): ("status", "podName"),
}  # fmt: skip

_TERM = re.compile(
    r"""\s*(?:
        (?P<not>!)\s*(?P<absent>[\w./-]+)
      | (?P<key>[\w./-]+)\s+(?P<set>in|notin)\s*\((?P<values>[^)]*)\)
      | (?P<name>[\w./-]+)\s*(?P<op>==|!=|=)\s*(?P<value>[\w.-]*)
      | (?P<present>[\w./-]+)
    )\s*(?:,|$)""",
    re.VERBOSE,
)


def labels_predicate(text: str) -> Predicate | None:
    """What `labelSelector` asks; None where it asks nothing. Raises a 400 ApiError on bad syntax."""
    if not text.strip():
        return None
    terms: list[Callable[[dict[str, str]], bool]] = []
    at = 0
    while at < len(text):
        found = _TERM.match(text, at)
        if not found:
            raise bad_request(f"unable to parse requirement: found '{text[at:]}', expected: identifier")
        terms.append(_term(found))
        at = found.end()
    return lambda obj: all(term(obj["metadata"].get("labels") or {}) for term in terms)


def _term(found: re.Match[str]) -> Callable[[dict[str, str]], bool]:
    if found["absent"]:
        return lambda labels, key=found["absent"]: key not in labels  # type: ignore[misc]  # default binds the key
    if found["set"]:
        key, values = found["key"], {value.strip() for value in found["values"].split(",")}
        if found["set"] == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if found["op"]:
        name, value = found["name"], found["value"]
        if found["op"] == "!=":
            return lambda labels: labels.get(name) != value
        return lambda labels: labels.get(name) == value
    return lambda labels, key=found["present"]: key in labels  # type: ignore[misc]  # default binds the key


def field_terms(text: str, resource: Resource) -> list[tuple[str, str, bool]]:
    """What `fieldSelector` asks: (field, value, equal). Raises a 400 ApiError for a field nobody can select by."""
    terms: list[tuple[str, str, bool]] = []
    for part in filter(None, text.split(",")):
        found = re.fullmatch(r"([^=!]+)(==|=|!=)(.*)", part)
        if not found:
            raise bad_request(f"invalid selector: '{text}'; can't understand '{part}'")
        name, operator, value = found.groups()
        if name not in ("metadata.name", "metadata.namespace", *FIELDS.get(resource.id, ())):
            if resource.id in FIELDS:
                raise bad_request(f"field label not supported: {name}")
            raise bad_request(f'"{name}" is not a known field selector: only "metadata.name", "metadata.namespace"')
        terms.append((name, value, operator != "!="))
    return terms


def fields_predicate(terms: list[tuple[str, str, bool]]) -> Predicate | None:
    """The question of `field_terms` as a predicate; None where it asks nothing."""
    if not terms:
        return None
    return lambda obj: all((field_value(obj, name) == value) is equal for name, value, equal in terms)


def field_value(obj: Obj, name: str) -> str:
    """A selectable field as the string the server compares with; an absent one is empty (or its default)."""
    if name == "source":
        return str((obj.get("source") or {}).get("component") or obj.get("reportingComponent") or "")
    if name == "status" and obj.get("kind") == "Build":
        name = "status.phase"
    value: Any = obj
    for part in name.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    if value is None:
        return {"spec.hostNetwork": "false", "spec.unschedulable": "false", "status.replicas": "0"}.get(name, "")
    return str(value).lower() if isinstance(value, bool) else str(value)


def selector_predicate(selector: Obj | None) -> Callable[[dict[str, str]], bool]:
    """A LabelSelector object (matchLabels, matchExpressions) as a question about labels; None selects nothing."""
    if selector is None:
        return lambda _labels: False
    wanted = dict(selector.get("matchLabels") or {})
    expressions = list(selector.get("matchExpressions") or [])

    def matches(labels: dict[str, str]) -> bool:
        return all(labels.get(k) == v for k, v in wanted.items()) and all(_expression(e, labels) for e in expressions)

    return matches


def _expression(expression: Obj, labels: dict[str, str]) -> bool:
    key, operator, values = expression["key"], expression["operator"], expression.get("values") or []
    match operator:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels
