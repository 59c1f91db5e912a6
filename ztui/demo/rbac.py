"""Who may do what on the demo cluster: the RBAC authorizer, over the RBAC objects in the store.

Follows plugin/pkg/auth/authorizer/rbac upstream: rules add up, nothing denies, `system:masters` may do anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from ztui.demo.answers import ApiError, Obj, qualified
from ztui.demo.catalogue import Resource
from ztui.demo.selectors import selector_predicate
from ztui.demo.store import Change, Store

RBAC = "rbac.authorization.k8s.io"
SA_PREFIX = "system:serviceaccount:"


class User(NamedTuple):
    """Who a request comes from. `groups` holds every group, implicit ones included."""

    name: str
    groups: tuple[str, ...]
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class Ask:
    """What a request wants to do: a verb on a resource, or on a path outside the resources."""

    verb: str
    group: str = ""
    plural: str = ""
    sub: str = ""
    namespace: str = ""
    name: str = ""
    path: str = ""

    @property
    def resource(self) -> str:
        """`pods` or `pods/log`."""
        return f"{self.plural}/{self.sub}" if self.sub else self.plural


class Granted(NamedTuple):
    """One rule a user holds, with the sentence that explains it."""

    rule: Obj
    why: str


class Authorizer:
    """Answers asks from the stored roles and bindings; what a user holds is remembered until any of them changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._held: dict[tuple[str, tuple[str, ...]], dict[str, list[Granted]]] = {}
        store.listeners.append(self._forget)

    def _forget(self, resource: Resource, _change: Change) -> None:
        if resource.group == RBAC:
            self._held.clear()

    def allows(self, user: User, ask: Ask) -> str:
        """The reason why the ask is allowed, or an empty string."""
        if "system:masters" in user.groups:
            return "allowed: member of system:masters"
        for granted in self.rules(user, ask.namespace):
            if _rule_allows(granted.rule, ask):
                return granted.why
        return ""

    def rules(self, user: User, namespace: str = "") -> Iterator[Granted]:
        """Rules that hold for the user cluster-wide, then those of one namespace."""
        key = (user.name, user.groups)
        held = self._held.get(key)
        if held is None:
            held = self._held[key] = self._collect(user)
        yield from held.get("", ())
        if namespace:
            yield from held.get(namespace, ())

    def _collect(self, user: User) -> dict[str, list[Granted]]:
        held: dict[str, list[Granted]] = {}
        for kind in ("clusterrolebindings", "rolebindings"):
            for binding in self._store.of(f"{kind}.{RBAC}"):
                subject = next((s for s in binding.get("subjects") or () if _is_subject(s, user)), None)
                if subject is None:
                    continue
                namespace = binding["metadata"].get("namespace", "")
                why = _explain(binding, subject)
                for rule in self.role_rules(binding["roleRef"], namespace):
                    if not (namespace and rule.get("nonResourceURLs")):
                        held.setdefault(namespace, []).append(Granted(rule, why))
        return held

    def role_rules(self, ref: Obj, namespace: str = "") -> list[Obj]:
        """Rules of the role that a roleRef names, aggregation expanded; none for a role that is not there."""
        plural = "clusterroles" if ref["kind"] == "ClusterRole" else "roles"
        try:
            role = self._store.get(f"{plural}.{RBAC}", ref["name"], namespace)
        except KeyError:
            return []
        if role.get("aggregationRule"):
            return aggregated(self._store, role)
        return list(role.get("rules") or [])


def aggregated(store: Store, role: Obj, seen: frozenset[str] = frozenset()) -> list[Obj]:
    """Rules of every ClusterRole that an aggregationRule selects, each rule once."""
    found: list[Obj] = []
    seen |= {role["metadata"]["name"]}
    for selector in role["aggregationRule"].get("clusterRoleSelectors") or ():
        selects = selector_predicate(selector)
        for other in store.of(f"clusterroles.{RBAC}"):
            if other["metadata"]["name"] in seen or not selects(other["metadata"].get("labels") or {}):
                continue
            rules = aggregated(store, other, seen) if other.get("aggregationRule") else other.get("rules") or []
            found += [rule for rule in rules if rule not in found]
    return found


def _is_subject(subject: Obj, user: User) -> bool:
    match subject.get("kind"):
        case "User":
            return bool(user.name == subject["name"])
        case "Group":
            return subject["name"] in user.groups
        case "ServiceAccount":
            return user.name == f"{SA_PREFIX}{subject.get('namespace', '')}:{subject['name']}"
    return False


def _explain(binding: Obj, subject: Obj) -> str:
    meta, ref = binding["metadata"], binding["roleRef"]
    where = f"{meta['namespace']}/{meta['name']}" if meta.get("namespace") else meta["name"]
    whom = subject["name"] if subject["kind"] != "ServiceAccount" else f"{subject['name']}/{subject.get('namespace')}"
    return f'RBAC: allowed by {binding["kind"]} "{where}" of {ref["kind"]} "{ref["name"]}" to {subject["kind"]} "{whom}"'


def _rule_allows(rule: Obj, ask: Ask) -> bool:
    verbs = rule.get("verbs") or ()
    if ask.verb not in verbs and "*" not in verbs:
        return False
    if ask.path:
        return any(_path_matches(pattern, ask.path) for pattern in rule.get("nonResourceURLs") or ())
    groups = rule.get("apiGroups") or ()
    if ask.group not in groups and "*" not in groups:
        return False
    if not any(_resource_matches(pattern, ask) for pattern in rule.get("resources") or ()):
        return False
    names = rule.get("resourceNames") or ()
    return not names or ask.name in names


def _resource_matches(pattern: str, ask: Ask) -> bool:
    return pattern in ("*", ask.resource) or bool(ask.sub and pattern == f"*/{ask.sub}")


def _path_matches(pattern: str, path: str) -> bool:
    if pattern in ("*", path):
        return True
    return pattern.endswith("*") and path.startswith(pattern.rstrip("*"))


def forbidden(user: User, ask: Ask) -> ApiError:
    """403 with the words of the real server."""
    if ask.path:
        return ApiError(403, f'forbidden: User "{user.name}" cannot {ask.verb} path "{ask.path}"', details={})
    where = f'in the namespace "{ask.namespace}"' if ask.namespace else "at the cluster scope"
    named = f' "{ask.name}"' if ask.name else ""
    text = (
        f'{qualified(ask.plural, ask.group)}{named} is forbidden: User "{user.name}" cannot {ask.verb} resource '
        f'"{ask.resource}" in API group "{ask.group}" {where}'
    )
    details: Obj = {"kind": ask.plural}
    if ask.group:
        details = {"group": ask.group, **details}
    if ask.name:
        details = {"name": ask.name, **details}
    return ApiError(403, text, details=details)


def check_grant(authorizer: Authorizer, user: User, obj: Obj, old: Obj | None) -> None:
    """Escalation prevention: nobody grants by role or binding what they do not hold, unless they may bind or escalate.

    **Raises**: a 403 ApiError that lists the rules in the way.
    """
    meta, kind = obj["metadata"], obj["kind"]
    space, plural = meta.get("namespace", ""), f"{kind.lower()}s"
    if kind.endswith("Binding"):
        if old is not None and (old.get("subjects"), old["roleRef"]) == (obj.get("subjects"), obj["roleRef"]):
            return
        ref = obj["roleRef"]
        may = Ask("bind", RBAC, f"{ref['kind'].lower()}s", namespace=space, name=ref["name"])
        rules = authorizer.role_rules(ref, space)
    else:
        if old is not None and old.get("rules") == obj.get("rules"):
            return
        may = Ask("escalate", RBAC, plural, namespace=space, name=meta["name"])
        rules = list(obj.get("rules") or ())
    if authorizer.allows(user, may):
        return
    missing = [rule for rule in rules if not _holds(authorizer, user, rule, space)]
    if missing:
        groups = " ".join(f'"{group}"' for group in user.groups)
        listed = "\n".join(_go(rule) for rule in missing)
        text = (
            f'{qualified(plural, RBAC)} "{meta["name"]}" is forbidden: user "{user.name}" (groups=[{groups}]) is attempting '
            f"to grant RBAC permissions not currently held:\n{listed}"
        )
        raise ApiError(403, text, details={"name": meta["name"], "group": RBAC, "kind": plural})


def _holds(authorizer: Authorizer, user: User, rule: Obj, namespace: str) -> bool:
    """True if the user may do everything that a rule allows."""
    for verb in rule.get("verbs") or ():
        for path in rule.get("nonResourceURLs") or ():
            if not authorizer.allows(user, Ask(verb, path=path)):
                return False
        for group in rule.get("apiGroups") or ():
            for resource in rule.get("resources") or ():
                plural, _, sub = resource.partition("/")
                for name in rule.get("resourceNames") or ("",):
                    if not authorizer.allows(user, Ask(verb, group, plural, sub, namespace, name)):
                        return False
    return True


def _go(rule: Obj) -> str:
    """A rule as the Go code prints it in messages."""
    fields = {"apiGroups": "APIGroups", "resources": "Resources", "resourceNames": "ResourceNames",
              "nonResourceURLs": "NonResourceURLs", "verbs": "Verbs"}  # fmt: skip
    shown = [
        f"{said}:[{' '.join(chr(34) + value + chr(34) for value in rule[name])}]"
        for name, said in fields.items()
        if rule.get(name)
    ]
    return "{" + ", ".join(shown) + "}"
