"""The review kinds: a POST whose answer says who somebody is or what they may do. Nothing is stored."""

from __future__ import annotations

from typing import Any

from ztui.demo.answers import ApiError, Obj, invalid
from ztui.demo.identity import Identities
from ztui.demo.rbac import Ask, Authorizer, User
from ztui.demo.store import stamp, utc_now


def answer(kind: str, body: Obj, user: User, authorizer: Authorizer, identities: Identities) -> Obj:
    """The reviewed object with its status filled in."""
    spec: Obj = body.get("spec") or {}
    match kind:
        case "SelfSubjectAccessReview":
            status = _access(spec, user, authorizer)
        case "SubjectAccessReview" | "LocalSubjectAccessReview":
            if not spec.get("user") and not spec.get("groups"):
                raise _invalid("spec.user", 'Invalid value: "": at least one of user or group must be specified')
            asked = User(spec.get("user") or "", tuple(spec.get("groups") or ()))
            status = _access(spec, asked, authorizer)
        case "SelfSubjectRulesReview":
            status = _rules(spec.get("namespace") or "", user, authorizer)
        case "SelfSubjectReview":
            status = {"userInfo": _info(user)}
        case _:
            status = _token(spec, identities)
    group = "authentication" if kind in ("SelfSubjectReview", "TokenReview") else "authorization"
    made: Obj = {"kind": kind, "apiVersion": f"{group}.k8s.io/v1", "metadata": {}}
    if kind == "SelfSubjectReview":
        made["metadata"] = {"creationTimestamp": stamp(utc_now())}
    else:
        made["spec"] = {} if kind == "SelfSubjectRulesReview" else spec
    return {**made, "status": status}


def _invalid(field: str, why: str) -> ApiError:
    return invalid("authorization.k8s.io", "", "", [(field, "FieldValueInvalid", why)])


def _access(spec: Obj, user: User, authorizer: Authorizer) -> Obj:
    resource, path = spec.get("resourceAttributes"), spec.get("nonResourceAttributes")
    if bool(resource) == bool(path):
        why = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        raise _invalid("spec.resourceAttributes", f"Invalid value: null: {why}")
    if path:
        ask = Ask(path.get("verb") or "", path=path.get("path") or "")
    else:
        resource = resource or {}
        ask = Ask(
            verb=resource.get("verb") or "",
            group=resource.get("group") or "",
            plural=resource.get("resource") or "",
            sub=resource.get("subresource") or "",
            namespace=resource.get("namespace") or "",
            name=resource.get("name") or "",
        )
    why = authorizer.allows(user, ask)
    return {"allowed": True, "reason": why} if why else {"allowed": False}


def _rules(namespace: str, user: User, authorizer: Authorizer) -> Obj:
    resources: list[Obj] = []
    paths: list[Obj] = []
    everything = [{"verbs": ["*"], "apiGroups": ["*"], "resources": ["*"]}, {"verbs": ["*"], "nonResourceURLs": ["*"]}]
    rules = everything if "system:masters" in user.groups else [held.rule for held in authorizer.rules(user, namespace)]
    for rule in rules:
        if rule.get("nonResourceURLs"):
            paths.append({key: rule[key] for key in ("verbs", "nonResourceURLs")})
        else:
            keys = ("verbs", "apiGroups", "resources", "resourceNames")
            resources.append({key: rule[key] for key in keys if rule.get(key)})
    return {"resourceRules": resources, "nonResourceRules": paths, "incomplete": False}


def _info(user: User) -> Obj:
    info: dict[str, Any] = {"username": user.name, "groups": list(user.groups)}
    if user.uid:
        info["uid"] = user.uid
    if user.extra:
        info["extra"] = {key: list(values) for key, values in user.extra}
    return info


def _token(spec: Obj, identities: Identities) -> Obj:
    found = identities.holder(spec.get("token") or "")
    if found is None:
        return {"user": {}, "error": "[invalid bearer token, token lookup failed]"}
    audiences = spec.get("audiences") or ["https://kubernetes.default.svc"]
    return {"authenticated": True, "user": _info(found), "audiences": audiences}
