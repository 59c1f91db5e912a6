"""Configurations that several managers may apply to one object, in any order, and how they write: for Hypothesis.

Values are few, so that managers meet; every object alone and any merge of two is one that the real server takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

Obj = dict[str, Any]
Config = st.SearchStrategy[Obj]
RBAC = "rbac.authorization.k8s.io"


class Step(NamedTuple):
    """One write: how, by whom, and by force or not."""

    verb: str
    manager: str
    force: bool


class Kind(NamedTuple):
    """A kind, the path of its objects, and what managers make of one."""

    api: str
    kind: str
    path: str
    config: Config


def some(**fields: st.SearchStrategy[Any]) -> Config:
    """Any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def one_of(*values: Any) -> st.SearchStrategy[Any]:
    """One of these values."""
    return st.sampled_from(values)


def several(
    items: st.SearchStrategy[Any], most: int = 2, least: int = 0, by: Callable[[Any], Any] = str
) -> st.SearchStrategy[Any]:
    """A few items, no two of one key."""
    return st.lists(items, min_size=least, max_size=most, unique_by=by)


_value = one_of("1", "2")
_meta = some(
    labels=some(a=_value, b=_value), annotations=some(x=_value, y=_value), finalizers=several(one_of("t/a", "t/b", "t/c"))
)


def _ports(first: int) -> st.SearchStrategy[Any]:
    def port(number: int, protocol: str, named: bool) -> Obj:  # drawn
        told = {"protocol": protocol} if protocol else {}
        return {"containerPort": number, **told, **({"name": f"p{number}{protocol.lower()}"} if named else {})}

    drawn = st.builds(port, one_of(first, first + 1), one_of("", "TCP", "UDP"), st.booleans())
    return several(drawn, by=lambda port: (port["containerPort"], port.get("protocol", "TCP")))


def _container(name: str) -> Config:
    more = some(
        env=several(
            st.fixed_dictionaries({"name": one_of("A", "B", "C")}, optional={"value": _value}), 3, by=lambda e: e["name"]
        ),
        ports=_ports(80 if name == "c" else 90),  # two containers of one port make the real server warn
        args=st.lists(_value, max_size=2),
        resources=some(requests=some(cpu=one_of("1", "0.5"), memory=one_of("1Gi", "1024Mi"))),
        securityContext=some(privileged=st.booleans(), runAsNonRoot=st.booleans(), capabilities=some(drop=st.just(["ALL"]))),
        tty=st.booleans(),
    )
    return st.builds(lambda image, told: {"name": name, "image": image, **told}, one_of("x:1", "x:2"), more)


_containers = several(one_of("c", "d"), least=1).flatmap(lambda names: st.tuples(*map(_container, names)).map(list))
_volumes = several(one_of("v", "w")).flatmap(
    lambda names: st.tuples(*(one_of({"name": name, "emptyDir": {}}, {"name": name}) for name in names)).map(list)
)
_template = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"labels": st.fixed_dictionaries({"app": st.just("x")}, optional={"v": _value})},
            optional={"annotations": some(r=_value)},
        ),
        "spec": st.fixed_dictionaries(
            {"containers": _containers},
            optional={
                "hostNetwork": st.booleans(),
                "nodeSelector": some(n=_value, m=_value),
                "tolerations": st.lists(st.fixed_dictionaries({"key": _value, "operator": st.just("Exists")}), max_size=1),
                "volumes": _volumes,
                "securityContext": some(runAsNonRoot=st.booleans(), seccompProfile=st.just({"type": "RuntimeDefault"})),
                "automountServiceAccountToken": st.booleans(),
                "serviceAccountName": one_of("s", "t"),
            },
        ),
    }
)
_deployment = st.fixed_dictionaries(
    {
        "spec": st.fixed_dictionaries(
            {"selector": st.just({"matchLabels": {"app": "x"}}), "template": _template},
            optional={
                "replicas": one_of(0, 1, 2),
                "paused": st.booleans(),
                "strategy": one_of({"type": "Recreate"}, {"type": "RollingUpdate"}, {"rollingUpdate": {"maxSurge": 1}}),
                "minReadySeconds": one_of(0, 5),
            },
        )
    },
    optional={"metadata": _meta},
)
_peer = one_of(
    {"podSelector": {}},
    {"podSelector": {"matchLabels": {"a": "1"}}},
    {"namespaceSelector": {}},
    {"ipBlock": {"cidr": "10.0.0.0/8"}},
)


def _rules(peers: str) -> st.SearchStrategy[Any]:
    # An empty list counts as a change of the spec to the real server each time it is written, though nothing of it is stored.
    port = st.fixed_dictionaries({"port": one_of(80, 81)}, optional={"protocol": st.just("TCP")})
    rule = some(**{peers: several(_peer, least=1), "ports": st.lists(port, min_size=1, max_size=1)})
    return st.lists(rule, min_size=1, max_size=2)


_policy = st.fixed_dictionaries(
    {
        "spec": st.fixed_dictionaries(
            {"podSelector": one_of({}, {"matchLabels": {"a": "1"}})},
            optional={
                "policyTypes": one_of(["Ingress"], ["Egress"], ["Ingress", "Egress"]),
                "ingress": _rules("from"),
                "egress": _rules("to"),
            },
        )
    },
    optional={"metadata": _meta},
)
_level = one_of("baseline", "restricted")
_namespace = some(
    metadata=some(
        labels=some(**{"a": _value, **{f"pod-security.kubernetes.io/{mode}": _level for mode in ("enforce", "audit")}}),
        annotations=some(x=_value, y=_value),
    )
)
_service_port = st.builds(
    lambda port, more: {**port, **more},
    one_of({"port": 80, "name": "h"}, {"port": 81, "name": "i"}),
    some(targetPort=one_of(8080, "http"), protocol=st.just("TCP")),
)
_service = st.fixed_dictionaries(
    {
        "spec": st.fixed_dictionaries(
            {"ports": several(_service_port, least=1, by=lambda port: port["port"])},
            optional={
                "selector": some(a=_value, b=_value),
                "type": one_of("ClusterIP", "NodePort", "LoadBalancer"),
                "loadBalancerSourceRanges": st.just(["10.0.0.0/8"]),
            },
        )
    },
    optional={"metadata": _meta},
)
_subject = one_of(
    {"kind": "User", "name": "u", "apiGroup": RBAC},
    {"kind": "Group", "name": "g"},
    {"kind": "ServiceAccount", "name": "s", "namespace": "n"},
)
_binding = st.fixed_dictionaries(
    {"roleRef": st.just({"apiGroup": RBAC, "kind": "ClusterRole", "name": "view"})},
    optional={"metadata": _meta, "subjects": several(_subject)},
)
_reference = one_of({"name": "a"}, {"name": "b"})
_account = some(
    metadata=_meta,
    automountServiceAccountToken=st.booleans(),
    imagePullSecrets=several(_reference),
    secrets=several(_reference),
)
_rule = st.fixed_dictionaries(
    {"name": one_of("r", "s")},
    optional={"port": one_of(80, 81), "hosts": st.lists(_value, max_size=2), "tls": some(mode=_value, ca=_value)},
)
_widget = some(
    metadata=_meta,
    spec=some(
        replicas=one_of(0, 1, 2),
        mode=_value,
        rules=several(_rule, by=lambda rule: (rule["name"], rule.get("port", 80))),
        tags=several(one_of("t", "u", "v"), 3),
        steps=st.lists(some(do=_value, x=one_of(1, 2)), max_size=2),
        selector=some(a=_value, b=_value),
        params=some(a=_value, b=_value),
        extra=some(a=_value, b=some(c=_value), l=st.lists(_value, max_size=1)),
        at=one_of(1, "1"),
    ),
    status=some(phase=_value),
)
_mode = one_of("STRICT", "PERMISSIVE")
_mtls = st.fixed_dictionaries({"mode": _mode})
_authentication = st.fixed_dictionaries(
    {
        "spec": st.fixed_dictionaries(
            {"selector": st.fixed_dictionaries({"matchLabels": st.fixed_dictionaries({"q": _value}, optional={"a": _value})})},
            optional={"mtls": _mtls, "portLevelMtls": st.dictionaries(one_of("80", "81"), _mtls, min_size=1, max_size=2)},
        )
    },
    optional={"metadata": _meta},
)
KINDS = {
    "ConfigMap": Kind(
        "v1", "ConfigMap", "/api/v1/namespaces/{ns}/configmaps", some(data=some(a=_value, b=_value, c=_value), metadata=_meta)
    ),
    "Deployment": Kind("apps/v1", "Deployment", "/apis/apps/v1/namespaces/{ns}/deployments", _deployment),
    "NetworkPolicy": Kind(
        "networking.k8s.io/v1", "NetworkPolicy", "/apis/networking.k8s.io/v1/namespaces/{ns}/networkpolicies", _policy
    ),
    "Namespace": Kind("v1", "Namespace", "/api/v1/namespaces", _namespace),
    "Service": Kind("v1", "Service", "/api/v1/namespaces/{ns}/services", _service),
    "ServiceAccount": Kind("v1", "ServiceAccount", "/api/v1/namespaces/{ns}/serviceaccounts", _account),
    "RoleBinding": Kind(f"{RBAC}/v1", "RoleBinding", f"/apis/{RBAC}/v1/namespaces/{{ns}}/rolebindings", _binding),
    "Widget": Kind("demo.example/v1", "Widget", "/apis/demo.example/v1/namespaces/{ns}/widgets", _widget),
    "PeerAuthentication": Kind(
        "security.istio.io/v1",
        "PeerAuthentication",
        "/apis/security.istio.io/v1/namespaces/{ns}/peerauthentications",
        _authentication,
    ),
}
steps = st.builds(
    Step,
    one_of("apply", "apply", "apply", "merge", "strategic", "put"),
    one_of("m1", "m2", "m3"),
    st.booleans(),
)


def widgets() -> Obj:
    """A definition whose schema has every topology that merges know."""
    text, number = {"type": "string"}, {"type": "integer"}
    texts = {"type": "array", "items": text}
    tls = {"type": "object", "properties": {"mode": text, "ca": text}}
    rule = {"name": text, "port": {**number, "default": 80}, "hosts": texts, "tls": tls}
    condition = {"type": text, "status": text, "reason": text}

    def keyed(keys: list[str], fields: Obj) -> Obj:
        items = {"type": "object", "required": keys[:1], "properties": fields}
        return {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys, "items": items}

    spec = {
        "replicas": number,
        "mode": text,
        "rules": keyed(["name", "port"], rule),
        "tags": {**texts, "x-kubernetes-list-type": "set"},
        "steps": {"type": "array", "items": {"type": "object", "properties": {"do": text, "x": number}}},
        "selector": {"type": "object", "x-kubernetes-map-type": "atomic", "additionalProperties": text},
        "params": {"type": "object", "additionalProperties": text},
        "extra": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
        "at": {"x-kubernetes-int-or-string": True},
    }
    status = {"replicas": number, "phase": text, "conditions": keyed(["type"], condition)}
    schema = {
        "type": "object",
        "properties": {"spec": {"type": "object", "properties": spec}, "status": {"type": "object", "properties": status}},
    }
    scale = {"specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas"}
    version = {"name": "v1", "served": True, "storage": True, "subresources": {"status": {}, "scale": scale}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": "widgets.demo.example"},
        "spec": {
            "group": "demo.example",
            "scope": "Namespaced",
            "names": {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"},
            "versions": [{**version, "schema": {"openAPIV3Schema": schema}}],
        },
    }
