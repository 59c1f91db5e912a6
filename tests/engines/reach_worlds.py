"""Small random networks for the engines of reach: API objects from a seed, dense enough that rules meet."""

from __future__ import annotations

from random import Random
from typing import Any

Obj = dict[str, Any]
KEYS, VALUES, PORTS = ("app", "tier"), ("a", "b"), (53, 80, 8080, 8081)
HOST_GROUP = "policy-group.network.openshift.io/host-network"


class Maker:
    """Makes worlds from one source of chance."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)  # noqa: S311  chance for tests

    def world(self) -> Obj:
        rng = self.rng
        names = [f"n{at}" for at in range(rng.randint(1, 3))]
        pods = [self.pod(at, rng.choice(names)) for at in range(rng.randint(2, 4))]
        tiers = rng.random()
        return {
            "namespaces": {name: self.labels() for name in names},
            "pods": pods,
            "policies": [self.policy(at, rng.choice(names)) for at in range(rng.randint(0, 3))],
            "anps": [self.anp(at) for at in range(rng.randint(0, 2))] if tiers < 0.5 else [],
            "banp": self.banp() if tiers < 0.3 else None,
            "cnps": [self.cnp(at) for at in range(rng.randint(1, 2))] if tiers > 0.6 else [],
        }

    def pod(self, at: int, namespace: str) -> Obj:
        host = self.rng.random() < 0.2
        address = f"10.{self.rng.randint(0, 1)}.{self.rng.randint(0, 1)}.{at + 1}"
        node = self.rng.choice(("m1", "m2"))
        ports = [("http", "TCP", self.rng.choice(PORTS))] if self.rng.random() < 0.6 else []
        if self.rng.random() < 0.2:
            ports.append(("dns", "UDP", 53))
        return {
            "ns": namespace,
            "name": f"p{at}",
            "labels": self.labels(),
            "ip": f"192.168.0.{1 if node == 'm1' else 2}" if host else address,
            "host": host,
            "node": node,
            "node_labels": {"tier": "a"} if node == "m1" else {},
            "ports": ports,
        }

    def labels(self) -> dict[str, str]:
        return {key: self.rng.choice(VALUES) for key in KEYS if self.rng.random() < 0.7}

    def selector(self) -> Obj:
        rng = self.rng
        found: Obj = {}
        if rng.random() < 0.3:
            return {}
        if rng.random() < 0.7:
            found["matchLabels"] = {rng.choice(KEYS): rng.choice(VALUES)}
        else:
            operator = rng.choice(("In", "NotIn", "Exists", "DoesNotExist"))
            expression: Obj = {"key": rng.choice(KEYS), "operator": operator}
            if operator in {"In", "NotIn"}:
                expression["values"] = [rng.choice(VALUES)]
            found["matchExpressions"] = [expression]
        return found

    def policy(self, at: int, namespace: str) -> Obj:
        rng = self.rng
        spec: Obj = {"podSelector": self.selector()}
        if rng.random() < 0.6:
            spec["policyTypes"] = rng.sample(["Ingress", "Egress"], rng.randint(1, 2))
        for way, side in (("ingress", "from"), ("egress", "to")):
            if rng.random() < 0.6:
                spec[way] = [self.np_rule(side) for _ in range(rng.randint(0, 2))]
        return {"metadata": {"name": f"p{at}", "namespace": namespace}, "spec": spec}

    def np_rule(self, side: str) -> Obj:
        rng = self.rng
        rule: Obj = {}
        if rng.random() < 0.8:
            rule[side] = [self.np_peer() for _ in range(rng.randint(0, 2))]
        if rng.random() < 0.5:
            rule["ports"] = [self.np_port() for _ in range(rng.randint(0, 2))]
        return rule

    def np_peer(self) -> Obj:
        rng = self.rng
        match rng.randint(0, 5):
            case 0:
                return {"podSelector": self.selector()}
            case 1:
                return {"namespaceSelector": self.selector()}
            case 2:
                return {"namespaceSelector": self.selector(), "podSelector": self.selector()}
            case 3:
                return {"namespaceSelector": {"matchLabels": {HOST_GROUP: ""}}}
            case 4:
                block: Obj = {"cidr": "10.0.0.0/8"}
                if rng.random() < 0.6:
                    block["except"] = ["10.1.0.0/16"]
                return {"ipBlock": block}
            case _:
                return {"ipBlock": {"cidr": rng.choice(("0.0.0.0/0", "192.168.0.1/32", "10.0.1.0/24"))}}

    def np_port(self) -> Obj:
        rng = self.rng
        found: Obj = {}
        if rng.random() < 0.7:
            found["protocol"] = rng.choice(("TCP", "TCP", "UDP", "SCTP"))
        chance = rng.random()
        if chance < 0.3:
            found["port"] = rng.choice(("http", "dns", "none"))
        elif chance < 0.8:
            found["port"] = rng.choice(PORTS)
            if rng.random() < 0.4:
                found["endPort"] = found["port"] + rng.randint(0, 8000)
        return found

    def subject(self) -> Obj:
        if self.rng.random() < 0.5:
            return {"namespaces": self.selector()}
        return {"pods": {"namespaceSelector": self.selector(), "podSelector": self.selector()}}

    def tier_peer(self, side: str, *, nodes: bool) -> Obj:
        rng = self.rng
        if side == "to" and rng.random() < 0.2:
            return {"networks": [rng.choice(("10.0.0.0/8", "0.0.0.0/0", "192.168.0.0/24"))]}
        if side == "to" and nodes and rng.random() < 0.2:
            return {"nodes": self.selector()}
        return self.subject()

    def anp_port(self) -> Obj:
        rng = self.rng
        match rng.randint(0, 2):
            case 0:
                return {"portNumber": {"protocol": rng.choice(("TCP", "UDP")), "port": rng.choice(PORTS)}}
            case 1:
                return {"portRange": {"protocol": "TCP", "start": 50, "end": rng.choice((90, 9000))}}
            case _:
                return {"namedPort": rng.choice(("http", "none"))}

    def protocol(self) -> Obj:
        rng = self.rng
        match rng.randint(0, 3):
            case 0:
                return {rng.choice(("tcp", "udp")): {}}
            case 1:
                return {"tcp": {"destinationPort": {"number": rng.choice(PORTS)}}}
            case 2:
                return {"tcp": {"destinationPort": {"range": {"start": 50, "end": rng.choice((90, 9000))}}}}
            case _:
                return {"destinationNamedPort": rng.choice(("http", "dns"))}

    def tier_rules(self, actions: tuple[str, ...], *, old: bool) -> Obj:
        rng = self.rng
        found: Obj = {}
        for way, side in (("ingress", "from"), ("egress", "to")):
            rules = []
            for _ in range(rng.randint(0, 2)):
                peers = [self.tier_peer(side, nodes=old) for _ in range(rng.randint(1, 2))]
                rule: Obj = {"action": rng.choice(actions), side: peers}
                if rng.random() < 0.4:
                    rule["ports" if old else "protocols"] = [self.anp_port() if old else self.protocol()]
                rules.append(rule)
            found[way] = rules
        return found

    def anp(self, at: int) -> Obj:
        rules = self.tier_rules(("Allow", "Deny", "Pass"), old=True)
        return {
            "metadata": {"name": f"anp{at}"},
            "spec": {"priority": self.rng.randint(0, 2), "subject": self.subject(), **rules},
        }

    def banp(self) -> Obj:
        rules = self.tier_rules(("Allow", "Deny"), old=True)
        return {"metadata": {"name": "default"}, "spec": {"subject": self.subject(), **rules}}

    def cnp(self, at: int) -> Obj:
        rules = self.tier_rules(("Accept", "Deny", "Pass"), old=False)
        spec = {"tier": self.rng.choice(("Admin", "Baseline")), "priority": self.rng.randint(0, 2), "subject": self.subject()}
        return {"metadata": {"name": f"cnp{at}"}, "spec": {**spec, **rules}}
