"""Get and list as the API server answers them: selectors, pages that stay consistent, version rules."""

from __future__ import annotations

import asyncio
import base64
import binascii
from typing import NamedTuple

import msgspec

from ztui.demo import scale
from ztui.demo.answers import Obj, bad_request, expired, invalid, not_found, too_large_version
from ztui.demo.calls import Call
from ztui.demo.cluster import Cluster
from ztui.demo.derived import DERIVED, source_of
from ztui.demo.present import Form, in_version, many, one
from ztui.demo.selectors import Predicate, field_terms, fields_predicate, labels_predicate
from ztui.demo.store import key_of

_TOO_OLD = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


class Page(NamedTuple):
    """Where a continue token points: the version of the first page (-1: whatever is current) and the last key sent."""

    version: int
    after: str


def token_of(page: Page) -> str:
    """The continue token, in the form the real server uses."""
    body = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": page.version, "start": page.after + "\0"})
    return base64.urlsafe_b64encode(body).rstrip(b"=").decode()


def page_of(token: str) -> Page:
    """Reads a continue token. Raises a 400 ApiError where it is none of ours."""
    try:
        raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        read = msgspec.json.decode(raw)
        return Page(int(read["rv"]), str(read["start"]).rstrip("\0"))
    except (binascii.Error, msgspec.DecodeError, KeyError, TypeError, ValueError) as wrong:
        raise bad_request(
            "invalid continue token: continue key is not valid: illegal base64 data or unexpected content"
        ) from wrong


def predicate_of(cluster: Cluster, call: Call) -> tuple[Predicate | None, bool]:
    """What selectors, namespace, a name in the path and visibility leave over; and whether a selector was given."""
    labels = call.query.get("labelSelector", "")
    terms = field_terms(call.query.get("fieldSelector", ""), call.resource)
    selected = bool(labels.strip() or terms)
    if call.name:
        terms.append(("metadata.name", call.name, True))
    parts = [part for part in (labels_predicate(labels), fields_predicate(terms)) if part]
    if call.resource.namespaced and call.namespace:
        namespace = call.namespace
        parts.append(lambda obj: obj["metadata"].get("namespace") == namespace)
    derived = DERIVED.get(call.resource.id)
    if derived and derived.visible:
        parts.append(derived.visible(cluster.authorizer, call.user))
    if not parts:
        return None, selected
    return (parts[0] if len(parts) == 1 else lambda obj: all(part(obj) for part in parts)), selected


def get(cluster: Cluster, call: Call, form: Form) -> Obj:
    """One object. Raises a 404 ApiError."""
    found = find(cluster, call)
    if call.sub in ("", "status"):
        return one(call.resource, call.version, found, form)
    if call.sub == "scale":
        return scale.shown(found, call.resource)
    return in_version(call.resource, call.version, found)


def find(cluster: Cluster, call: Call) -> Obj:
    """The stored object a call names. Raises a 404 ApiError."""
    resource = call.resource
    if resource.id == ("user.openshift.io", "users") and call.name == "~":
        return _own_user(cluster, call)
    derived = DERIVED.get(resource.id)
    stored = source_of(cluster, resource)
    found = cluster.store.find(stored, call.name, call.namespace)
    lag = cluster.faults.hit("lag", resource.plural)
    if lag:
        version = cluster.store.version - int(lag.get("behind", 1))
        key = f"{call.namespace if stored.namespaced else ''}/{call.name}"
        found = next((obj for obj in cluster.store.at(stored, version) if key_of(obj) == key), None)
    if found is None:
        raise not_found(resource.group, resource.plural, call.name)
    return derived.convert(found) if derived else found


def _own_user(cluster: Cluster, call: Call) -> Obj:
    found = cluster.store.find(call.resource, call.user.name)
    if found:
        return {**found, "groups": list(call.user.groups)}
    meta = {"name": call.user.name, "creationTimestamp": None}
    return {"kind": "User", "metadata": meta, "identities": None, "groups": list(call.user.groups)}


def check_versions(call: Call) -> None:
    """Refuses combinations of resourceVersion options as ValidateListOptions does."""
    version, match = call.query.get("resourceVersion", ""), call.query.get("resourceVersionMatch", "")
    if version and not version.isdigit():
        why = f'Invalid value: "{version}": strconv.ParseUint: parsing "{version}": invalid syntax'
        raise bad_request(f"invalid resource version: resourceVersion: {why}")
    if not match:
        return
    wrong = ""
    if call.verb == "watch" and not call.query.get("sendInitialEvents"):
        wrong = "Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"
    elif call.verb == "list" and not version:
        wrong = "Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided"
    elif call.query.get("continue"):
        wrong = "Forbidden: resourceVersionMatch is forbidden when continue is provided"
    elif match not in ("Exact", "NotOlderThan"):
        wrong = f'Unsupported value: "{match}": supported values: "Exact", "NotOlderThan", ""'
    elif match == "Exact" and version == "0":
        wrong = 'Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"'
    if wrong:
        reason = "FieldValueForbidden" if wrong.startswith("Forbidden") else "FieldValueNotSupported"
        raise invalid("meta.k8s.io", "ListOptions", "", [("resourceVersionMatch", reason, wrong)])


async def list_(cluster: Cluster, call: Call, form: Form) -> Obj:
    """A list, or one page of it."""
    check_versions(call)
    slow = cluster.faults.hit("page-slow", call.resource.plural)
    if slow:
        await asyncio.sleep(float(slow.get("seconds", 8)))
    token = call.query.get("continue", "")
    page = page_of(token) if token else None
    if page and cluster.faults.hit("page-410", call.resource.plural):
        raise expired(_TOO_OLD, meta={"continue": token_of(Page(-1, page.after))})
    version, items = _items(cluster, call, page)
    predicate, selected = predicate_of(cluster, call)
    if predicate:
        items = [obj for obj in items if predicate(obj)]
    if page:
        items = [obj for obj in items if key_of(obj) > page.after]
    meta: Obj = {"resourceVersion": str(version)}
    limit = int(call.query.get("limit") or 0)
    if 0 < limit < len(items):
        last = key_of(items[limit - 1])
        same = cluster.faults.hit("page-same", call.resource.plural)
        meta["continue"] = token_of(Page(version, "")) if same else token_of(Page(version, last))
        if not selected:
            meta["remainingItemCount"] = len(items) - limit
        items = items[:limit]
    answer = many(call.resource, call.version, items, meta, form)
    odd = cluster.faults.hit("page-items", call.resource.plural)
    if odd:
        answer["items"] = odd.get("items")
        if odd.get("items") is ...:
            del answer["items"]
    return answer


def _items(cluster: Cluster, call: Call, page: Page | None) -> tuple[int, list[Obj]]:
    """The version to answer with and every object of the resource at that version."""
    store = cluster.store
    derived = DERIVED.get(call.resource.id)
    source = source_of(cluster, call.resource)
    current = store.version
    lag = cluster.faults.hit("lag", call.resource.plural)
    if lag:
        current -= int(lag.get("behind", 1))
    asked = int(call.query.get("resourceVersion") or 0)
    match = call.query.get("resourceVersionMatch", "")
    version = current
    if page:
        if asked:
            raise bad_request("specifying resource version is not allowed when using continue")
        if 0 <= page.version < store.oldest(source):
            raise expired(_TOO_OLD, meta={"continue": token_of(Page(-1, page.after))})
        version = page.version if page.version >= 0 else current
    elif asked > current:
        raise too_large_version(asked, current)
    elif asked and (match == "Exact" or (not match and call.query.get("limit"))):
        version = asked
    items = store.all(source) if version >= store.version else store.at(source, version)
    return version, [derived.convert(obj) for obj in items] if derived else items
