"""Objects and lists that no server should send, through the door and into the store: kept, named, counted; never a crash."""

# ruff: noqa: N802  the id of the row is in the name

from __future__ import annotations

import json
import random
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from tests.faults.rig import ConfigMap
from tests.worlds import NOW, all_kinds, card, judged, put, world
from ztui.checks.base import Status
from ztui.errors import DataError, ZtuiError
from ztui.kinds.base import Kind, Malformed, Selector, decode_or_malformed, instant, matches
from ztui.kinds.netpolicy import NetworkPolicy
from ztui.kinds.resilience import PodDisruptionBudget
from ztui.kinds.workload import Deployment, Pod
from ztui.sources.discovery import Served, _aggregated, _from_aggregated, discover
from ztui.sources.kube import LARGE, LineFramer, TooLong, decode_event, decode_page, read_page
from ztui.store import Broken, Put, Store, Whole
from ztui.view import Why

KINDS = sorted((kind for kind in all_kinds() if kind.PLURAL), key=lambda kind: (kind.GROUP, kind.KIND, kind.__name__))
SPECS = [kind for kind in KINDS if any(field.name == "spec" for field in msgspec.structs.fields(kind))]


def meta(**more: Any) -> dict[str, Any]:
    return {"name": "a", "namespace": "web", "uid": "u", "resourceVersion": "7", **more}


def through(kind: type[Kind], obj: object) -> Kind | Malformed:
    return decode_or_malformed(kind, json.dumps(obj).encode())


def why_not(kind: type[Kind], obj: object) -> str:
    found = through(kind, obj)
    assert isinstance(found, Malformed), found
    return found.why


def test_B25_what_is_large_in_the_metadata_is_replaced_by_its_size() -> None:
    labels = {f"label-{number}": "x" for number in range(5_000)}
    notes = {"big": "x" * 1_048_576, "small": "y"}
    fields = [{"manager": "m", "fieldsV1": {"f:data": {f"f:{number}": {} for number in range(50_000)}}}]
    found = through(ConfigMap, {"metadata": meta(labels=labels, annotations=notes, managedFields=fields)})
    assert not isinstance(found, Malformed)
    assert found.annotations == {"big": "<1048576 characters>", "small": "y"}
    assert len(found.labels) == 5_000
    assert len(msgspec.json.encode(found)) < 200_000


BAD_META: dict[str, object] = {
    "null": None,
    "list": [],
    "text": "a",
    "no name": {"uid": "u", "resourceVersion": "7"},
    "empty name": meta(name=""),
    "no uid": {"name": "a", "namespace": "web", "resourceVersion": "7"},
    "no version": {"name": "a", "namespace": "web", "uid": "u"},
    "number as name": meta(name=7),
    "boolean as namespace": meta(namespace=True),
    "number as label": meta(labels={"a": 1}),
    "list as labels": meta(labels=["a"]),
    "null as annotation": meta(annotations={"a": None}),
    "number as version": meta(resourceVersion=7),
}


@pytest.mark.parametrize("name", BAD_META)
@pytest.mark.parametrize("kind", [Pod, ConfigMap, NetworkPolicy])
def test_B26_metadata_that_is_none_makes_the_object_malformed_and_the_check_unknown(name: str, kind: type[Kind]) -> None:
    found = through(kind, {"metadata": BAD_META[name], "spec": {}})
    assert isinstance(found, Malformed)
    store = Store()
    store.apply(Broken(kind, found))
    store.apply(Whole(kind, frozenset({(found.namespace, found.name)})))
    gap = store.tick(NOW).gap(kind)
    assert gap is not None
    assert (gap.why, gap.detail.startswith("1: ")) == (Why.MALFORMED, True)


def test_B26_objects_without_a_name_are_counted_one_by_one() -> None:
    items = [{"metadata": meta()}, {"metadata": None}, {"metadata": {}}, {"metadata": meta(name="b")}]
    page = decode_page(ConfigMap, json.dumps({"metadata": {"resourceVersion": "7"}, "items": items}).encode(), "/")
    assert [obj.name for obj in page.objects] == ["a", "b"]
    assert [what.name for what in page.broken] == ["?1", "?2"]


@pytest.mark.parametrize("spec", ["", [], "spec", 7, [None]])
@pytest.mark.parametrize("kind", SPECS, ids=lambda kind: kind.__name__)
def test_B29_a_spec_that_is_no_mapping_is_malformed(kind: type[Kind], spec: object) -> None:
    assert "spec" in why_not(kind, {"metadata": meta(), "spec": spec})


@pytest.mark.parametrize("spec", [{}, {"spec": None}])
@pytest.mark.parametrize("mode", ["policy", "profile"])
def test_B29_a_missing_spec_is_not_the_strict_one(spec: dict[str, Any], mode: str) -> None:
    what: dict[str, Any] = {
        "policy": {"kind": "NetworkPolicy", "metadata": {"name": "deny", "namespace": "shop"}, **spec},
        "profile": {"apiVersion": "config.openshift.io/v1", "kind": "OAuth", "metadata": {"name": "cluster"}, **spec},
    }[mode]
    check = {"policy": "ZTG-TEN-001", "profile": "ZT1-OIDC-002"}[mode]
    store = world(["namespace/shop", "pod/shop/api"])
    put(store, what)
    verdict = judged(store.tick(NOW), card(check)).verdicts[card(check).id]
    assert verdict.status is not Status.PASS
    assert not verdict.errors


def test_B30_an_unknown_word_is_quoted_and_not_taken_for_the_strict_one() -> None:
    server = {"apiVersion": "config.openshift.io/v1", "kind": "APIServer", "metadata": {"name": "cluster"}}
    profiles = {}
    for word in ("Intermediate", "STRICTER"):
        store = world([{**server, "spec": {"tlsSecurityProfile": {"type": word}}}])
        board = judged(store.state, card("ZT1-AUTH-007"))
        profiles[word] = [item for _, item in board.findings(card("ZT1-AUTH-007").id) if item.on.kind == "APIServer"]
    assert all(item.status is not Status.PASS for item in profiles["STRICTER"])
    assert any("STRICTER" in dict(item.values).get("profile", "") for item in profiles["STRICTER"])


NULLS = {
    "list of nulls": {"containers": [None]},
    "mapping for list": {"containers": {"name": "a"}},
    "text for list": {"containers": "a"},
    "list in list": {"containers": [[]]},
}


@pytest.mark.parametrize("name", NULLS)
def test_B31_a_list_that_is_none_makes_the_object_malformed(name: str) -> None:
    assert "containers" in why_not(Pod, {"metadata": meta(), "spec": NULLS[name]})


def test_B31_a_null_list_is_an_empty_one_as_go_writes_it() -> None:
    found = through(Pod, {"metadata": meta(labels=None, annotations=None, ownerReferences=None), "spec": {"containers": None}})
    assert isinstance(found, Pod)
    assert (found.containers, found.labels, found.owners) == ((), {}, ())


NUMBERS = ['"3"', "1e400", "NaN", "-Infinity", "9" * 5_000, "1.5", "true", "[]", "1e3"]


@pytest.mark.parametrize("number", NUMBERS)
def test_B32_a_number_that_is_none_names_its_field(number: str) -> None:
    raw = b'{"metadata":%s,"spec":{"replicas":%s}}' % (json.dumps(meta()).encode(), number.encode())
    found = decode_or_malformed(Deployment, raw)
    assert isinstance(found, Malformed)
    assert "replicas" in found.why or "JSON" in found.why or "number" in found.why.lower() or "digits" in found.why


def test_B32_negative_counts_are_no_error() -> None:
    found = through(PodDisruptionBudget, {"metadata": meta(), "spec": {}, "status": {"disruptionsAllowed": -3}})
    assert isinstance(found, PodDisruptionBudget)


LABELS = {"app": "api"}
SELECTORS: list[tuple[object, bool]] = [
    (None, False),
    ({}, True),
    ({"matchLabels": None, "matchExpressions": None}, True),
    ({"matchLabels": {}}, True),
    ({"matchLabels": {"app": "web"}}, False),
    ({"matchExpressions": [{"key": "app", "operator": "In", "values": []}]}, False),
    ({"matchExpressions": [{"key": "app", "operator": "In", "values": None}]}, False),
    ({"matchExpressions": [{"key": "tier", "operator": "NotIn", "values": ["x"]}]}, True),
    ({"matchExpressions": [{"key": "tier", "operator": "DoesNotExist"}]}, True),
    ({"matchExpressions": [{"key": "app", "operator": "Exists", "values": ["no"]}]}, True),
]


@pytest.mark.parametrize(("selector", "selects"), SELECTORS)
def test_B34_each_selector_means_what_the_server_means(selector: object, selects: bool) -> None:
    found = msgspec.json.decode(json.dumps(selector).encode(), type=Selector | None)
    assert matches(found, LABELS) is selects


def test_B34_an_operator_that_nobody_knows_makes_the_object_malformed() -> None:
    expression = {"key": "app", "operator": "Like", "values": ["a"]}
    spec = {"podSelector": {"matchExpressions": [expression]}}
    assert "Like" in why_not(NetworkPolicy, {"metadata": meta(), "spec": spec})


DATES: list[tuple[object, datetime | None]] = [
    ("2026-01-05T09:00:00Z", datetime(2026, 1, 5, 9, tzinfo=UTC)),
    ("2026-01-05T09:00:00.123456789Z", datetime(2026, 1, 5, 9, 0, 0, 123456, tzinfo=UTC)),
    ("2026-01-05T10:00:00+01:00", datetime(2026, 1, 5, 9, tzinfo=UTC)),
    ("0001-01-01T00:00:00Z", None),
    ("0001-01-01T00:00:00+14:00", None),
    ("9999-12-31T23:59:59-14:00", None),
    ("2026-01-05T09:00:00", None),
    ("2026-13-45T09:00:00Z", None),
    ("yesterday", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("text", "moment"), DATES)
def test_B35_a_date_that_is_none_has_no_age(text: str | None, moment: datetime | None) -> None:
    assert instant(text) == moment
    found = through(ConfigMap, {"metadata": meta(creationTimestamp=text)})
    assert not isinstance(found, Malformed)
    assert found.created == moment


GARBAGE = [
    "",
    "10.0.0.0/99",
    "999.1.1.1/8",
    "::/::",
    "http://[",
    "https://user@host:port/",
    "registry.example/app:@sha256:xyz",
    "-----BEGIN CERTIFICATE-----\nnot base64\n-----END CERTIFICATE-----",
    "\u0000\u001b[31m",
    "9" * 10_000,
    "/" * 10_000,
    "*." * 5_000,
]


@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_B36_garbage_where_an_address_belongs_stops_no_check(text: str) -> None:
    store = world(["namespace/shop", {"kind": "Pod", "metadata": {"name": "api", "namespace": "shop", "labels": LABELS}}])
    for item in (
        {"kind": "Service", "metadata": {"name": "s", "namespace": "shop"},
         "spec": {"type": "LoadBalancer", "selector": LABELS, "externalIPs": [text], "loadBalancerSourceRanges": [text]}},
        {"kind": "Route", "metadata": {"name": "r", "namespace": "shop"},
         "spec": {"host": text, "to": {"kind": "Service", "name": "s"}, "tls": {"termination": "edge", "certificate": text}}},
        {"kind": "OAuthClient", "metadata": {"name": "c"}, "redirectURIs": [text]},
        {"kind": "NetworkPolicy", "metadata": {"name": "n", "namespace": "shop"},
         "spec": {"podSelector": {}, "ingress": [{"from": [{"ipBlock": {"cidr": text, "except": [text]}}]}]}},
        {"kind": "Pod", "metadata": {"name": "p", "namespace": "shop"}, "spec": {"containers": [{"name": "c", "image": text}]}},
    ):  # fmt: skip
        put(store, item)
    board = judged(store.tick(NOW))
    assert {name: verdict.errors for name, verdict in board.verdicts.items() if verdict.errors} == {}


async def test_B37_two_hundred_thousand_items_are_read_in_slices() -> None:
    item = json.dumps({"metadata": meta()}).encode()
    body = b'{"metadata":{"resourceVersion":"7"},"items":[' + b",".join([item] * 200_000) + b"]}"
    assert len(body) > LARGE
    page = await read_page(ConfigMap, body, "/")
    assert (len(page.objects), page.broken, page.version) == (200_000, [], "7")
    store = Store()
    for obj in page.objects:
        store.apply(Put(obj))
    assert store.tick(NOW).count(ConfigMap) == 1


NO_LISTS = (b"{}", b'{"kind":"Status","metadata":{}}', b"null", b"[]", b'{"items":[]}', b'{"metadata":{}}', b'{"metadata":7}')


async def test_B37_what_is_no_list_is_an_error_in_either_form() -> None:
    for body in (
        b"{}",
        b'{"kind":"Status","metadata":{},"status":"Failure"}',
        b"null",
        b"[]",
        b'{"items":[]}',
        b'{"metadata":{}}',
    ):
        with pytest.raises(DataError):
            decode_page(ConfigMap, body, "/")
        with pytest.raises(DataError):
            await read_page(ConfigMap, body + b" " * LARGE, "/")


def test_B38_a_stream_in_any_pieces_is_the_same_lines() -> None:
    rng = random.Random(11)  # noqa: S311  pieces, not a secret
    lines = [bytes(rng.choice(b"abc{}") for _ in range(rng.randrange(1, 30))) for _ in range(300)]
    stream = b"".join(line + b"\n" * rng.randrange(1, 3) for line in lines)
    for _ in range(50):
        framer, found, at = LineFramer(limit=24), [], 0
        while at < len(stream):
            size = rng.randrange(1, 40)
            found += framer.feed(stream[at : at + size])
            at += size
        assert found == [line if len(line) <= 24 else TooLong(len(line), line) for line in lines]


# Fuzz: hostile bytes made from good ones.

SHORT, LONG = 500, 100_000
GOOD = {
    "event": b'{"type":"MODIFIED","object":{"metadata":{"name":"a","uid":"u","resourceVersion":"7","labels":{"a":"b"}}}}',
    "page": b'{"metadata":{"resourceVersion":"7","continue":"x"},'
    b'"items":[{"metadata":{"name":"a","uid":"u","resourceVersion":"7"}}]}',
    "discovery": b'{"kind":"APIGroupDiscoveryList","items":[{"metadata":{"name":"apps"},"versions":[{"version":"v1","freshness":'
    b'"Current","resources":[{"resource":"deployments","scope":"Namespaced"}]}]}]}',
    "object": json.dumps(
        {
            "metadata": meta(labels=LABELS, ownerReferences=[{"kind": "A", "name": "b", "controller": True}]),
            "spec": {"selector": {"matchLabels": LABELS}, "replicas": 1, "containers": [{"name": "a", "ports": []}], "host": "h"},
            "status": {"conditions": [{"type": "Ready", "status": "True"}]},
            "rules": [{"verbs": ["get"], "resources": ["pods"]}],
            "subjects": [{"kind": "User", "name": "ana"}],
        }
    ).encode(),
}
VALUES = [
    b"null",
    b"true",
    b"[]",
    b"{}",
    b'""',
    b"-1",
    b"1e400",
    b"NaN",
    b'"\\ud800"',
    b'"\xff"',
    b"[" * 2_000,
    b"9" * 5_000,
    b"\x00",
]


def mutants(good: bytes, count: int, seed: int) -> list[bytes]:
    """Variations of good bytes: values replaced, bytes flipped, cut, doubled."""
    rng = random.Random(seed)  # noqa: S311  rubbish, not a secret
    made = []
    for _ in range(count):
        raw = bytearray(good)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(raw) or 1)
            match rng.randrange(5):
                case 0:
                    end = min(len(raw), at + rng.randrange(1, 30))
                    raw[at:end] = rng.choice(VALUES)
                case 1 if raw:
                    raw[at] = rng.randrange(256)
                case 2:
                    del raw[at:]
                case 3:
                    raw[at:at] = raw[at : at + rng.randrange(60)]
                case _:
                    colon = raw.find(b":", at)
                    end = next((pos for pos in range(colon + 1, len(raw)) if raw[pos] in b",}]"), len(raw))
                    raw[colon + 1 : end] = rng.choice(VALUES)
        made.append(bytes(raw))
    return made


def _fuzz_events(count: int, seed: int) -> int:
    taken = 0
    for raw in mutants(GOOD["event"] + b"\n" + GOOD["event"] + b"\n", count, seed):
        for line in LineFramer(limit=4_096).feed(raw):
            try:
                taken += not isinstance(line, TooLong) and bool(decode_event(ConfigMap, line))
            except ZtuiError:
                continue
    return taken


def _fuzz_pages(count: int, seed: int) -> int:
    taken = 0
    for raw in mutants(GOOD["page"], count, seed):
        try:
            taken += bool(decode_page(ConfigMap, raw, "/").version)
        except DataError:
            continue
    return taken


def _fuzz_discovery(count: int, seed: int) -> int:
    taken = 0
    for raw in mutants(GOOD["discovery"], count, seed):
        try:
            found = _aggregated(raw)
        except DataError:
            continue
        if found is not None:
            served = _from_aggregated(found)
            served.resolve(Deployment)
            taken += isinstance(served, Served)
    return taken


def _fuzz_kinds(count: int, seed: int) -> int:
    taken = 0
    for number, raw in enumerate(mutants(GOOD["object"], count, seed)):
        kind = KINDS[number % len(KINDS)]
        found = decode_or_malformed(kind, raw)
        store = Store()
        store.apply(Broken(kind, found) if isinstance(found, Malformed) else Put(found))
        store.apply(Whole(kind, frozenset({(found.namespace, found.name)})))
        state = store.tick(NOW)
        assert (state.gap(kind) is None) is not isinstance(found, Malformed)
        taken += not isinstance(found, Malformed)
    return taken


FUZZ = {"events": _fuzz_events, "pages": _fuzz_pages, "discovery": _fuzz_discovery, "kinds": _fuzz_kinds}


@pytest.mark.parametrize("parser", FUZZ)
def test_R13_hostile_bytes_are_taken_or_refused_but_never_more(parser: str) -> None:
    assert 0 < FUZZ[parser](SHORT, 13) <= SHORT * 3


@pytest.mark.soak
@pytest.mark.parametrize("parser", FUZZ)
def test_R13_hostile_bytes_long(parser: str) -> None:
    assert 0 < FUZZ[parser](LONG, 14) <= LONG * 3


@pytest.mark.parametrize("raw", mutants(GOOD["discovery"], 40, 15), ids=range(40))
async def test_R13_discovery_that_is_hostile_in_one_answer_is_an_error_or_an_answer(raw: bytes) -> None:
    async def fetch(path: str, accept: str = "application/json") -> bytes:
        return raw if path != "/api" else b'{"kind":"APIVersions","versions":["v1"]}'

    try:
        served = await discover(fetch, {"apps"})
    except DataError:
        return
    assert isinstance(served, Served)
