"""The controllers of the demo cluster, in one table: what each kind makes of a change.

Changes queue up as keys; `settle` runs them until nothing is left. A controller is a function that reads the store
and writes what is missing, so running it twice changes nothing.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from datetime import timedelta

from ztui.demo import injection, jobs, namespaces, nodeconfig, olm, operators, pods, traffic
from ztui.demo.answers import Obj
from ztui.demo.catalogue import Resource
from ztui.demo.cluster import Cluster
from ztui.demo.moments import Moments
from ztui.demo.operands import OPERANDS, delivery, scans
from ztui.demo.rbac import aggregated
from ztui.demo.selectors import selector_predicate
from ztui.demo.store import Change, merge, stamp
from ztui.demo.telling import tell

Key = tuple[str, str, str, str]  # group, plural, namespace, name
STARTING_S = 1.0


class Controllers(Moments):
    """Every controller, over one store. Until `go_live`, pods run as soon as they exist."""

    def __init__(self, cluster: Cluster, seed: int) -> None:
        super().__init__(cluster)
        self.rng = random.Random(seed)  # noqa: S311  # names and addresses of a demo
        self._queue: deque[Key] = deque()
        self._queued: set[Key] = set()
        self._next_ip: dict[str, int] = {}
        self.store.listeners.append(self._note)

    def rest(self) -> None:
        """From now on nothing reacts to a change."""
        self.store.listeners.remove(self._note)

    def _note(self, resource: Resource, change: Change) -> None:
        meta = change.obj["metadata"]
        self.queue(resource, meta.get("namespace", ""), meta["name"])
        for owner in meta.get("ownerReferences") or ():
            found = self.cluster.catalogue.kind(owner["apiVersion"], owner["kind"])
            if found is None:
                continue
            self.queue(found, meta.get("namespace", "") if found.namespaced else "", owner["name"])
        if change.type == "DELETED":
            for child, obj in self.store.owned(meta["uid"]):
                self.store.remove(child, obj)
            self._note_leaving(meta.get("namespace", ""))
            if resource.id == nodeconfig.CONFIGS:
                nodeconfig.changed(self, change.obj)
        if resource.plural == "pods" and not resource.group:
            before = (change.old or {}).get("metadata", {}).get("labels")
            traffic.queue_services(self, meta["namespace"], [meta.get("labels") or {}, before or {}])
        if self._loop and self._queue:
            self._loop.call_soon_threadsafe(self.settle)

    def _note_leaving(self, namespace: str) -> None:
        """A terminating namespace may be empty now."""
        spaces = self.cluster.catalogue.named("namespaces")
        space = self.store.find(spaces, namespace) if namespace else None
        if space and space["metadata"].get("deletionTimestamp"):
            self.queue(spaces, "", namespace)

    def queue(self, resource: Resource, namespace: str, name: str) -> None:
        """Has a controller look at an object, once."""
        if resource.id in TABLE:
            key = (*resource.id, namespace, name)
            if key not in self._queued:
                self._queued.add(key)
                self._queue.append(key)

    def look_at_all(self) -> None:
        """Has the operators look at every object of theirs and at every pod: one of them has just started."""
        for group, plural in (("", "pods"), ("", "namespaces"), *OPERANDS):
            if (resource := self.cluster.catalogue.get(group, plural)) is None:
                continue
            for obj in self.store.all(resource):
                self.queue(resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"])

    def settle(self) -> None:
        """Runs controllers until none has work left."""
        with self.store.lock:
            while self._queue:
                group, plural, namespace, name = key = self._queue.popleft()
                self._queued.discard(key)
                resource = self.cluster.catalogue.get(group, plural)
                found = self.store.find(resource, name, namespace) if resource else None
                if found is not None:
                    TABLE[group, plural](self, found)

    # What several controllers need

    def clear(self, namespace: str) -> dict[str, int]:
        """Removes everything in a namespace that no finalizer holds; answers with what is left, counted by resource."""
        left: dict[str, int] = {}
        for resource in self.cluster.catalogue:
            for obj in self.store.all(resource, namespace) if resource.namespaced else ():
                if not obj["metadata"].get("finalizers"):
                    self.store.remove(resource, obj)
                    continue
                name = f"{resource.plural}.{resource.group}".rstrip(".")
                left[name] = left.get(name, 0) + 1
                if not obj["metadata"].get("deletionTimestamp"):
                    going = {"deletionTimestamp": stamp(self.store.now()), "deletionGracePeriodSeconds": 0}
                    self.store.write(resource, merge(obj, {"metadata": going}))
        return left

    def empty(self, namespace: str) -> None:
        """Removes a namespace and everything in it, at once."""
        self.clear(namespace)
        self.store.delete("namespaces", namespace)

    def update(self, obj: Obj, changes: Obj) -> Obj:
        """Merges changes into a stored object."""
        resource = self.cluster.catalogue.of_kind(obj["apiVersion"], obj["kind"])
        return self.store.write(resource, merge(obj, changes))

    def renew(self, obj: Obj, changes: Obj) -> None:
        """Merges changes into an object as it is by now, if it is still there."""
        found = self.again(obj)
        if found is not None:
            self.update(found, changes)

    def bring(self, obj: Obj) -> Obj:
        """Stores an object as its controller does: of what is there already, only what is told here changes."""
        resource = self.cluster.catalogue.of_kind(str(obj.get("apiVersion") or ""), obj["kind"])
        found = self.store.find(resource, obj["metadata"]["name"], obj["metadata"].get("namespace", ""))
        told = {key: value for key, value in obj.items() if key != "status" or value}
        return tell(self.store, merge(found, {**told, "apiVersion": resource.api_version}) if found else obj)

    def children(self, owner: Obj, plural: str) -> list[Obj]:
        """Objects of a resource that an owner controls."""
        return [obj for found, obj in self.store.owned(owner["metadata"]["uid"]) if found.plural == plural]

    def drop(self, obj: Obj) -> None:
        """Removes an object."""
        resource = self.cluster.catalogue.of_kind(obj["apiVersion"], obj["kind"])
        if self.store.find(resource, obj["metadata"]["name"], obj["metadata"].get("namespace", "")):
            self.store.remove(resource, obj)

    def create_pod(self, owner: Obj, template: Obj, name: str, *, node: str = "") -> None:
        """Creates a pod of a controller; it runs at once, or after a moment in a live cluster."""
        accounts = self.cluster.catalogue.named("serviceaccounts")
        account = template["spec"].get("serviceAccountName", "default")
        found = self.store.find(accounts, account, owner["metadata"]["namespace"]) or {}
        automount = found.get("automountServiceAccountToken", True)
        pod = pods.new_pod(template, owner, name, self.rng, automount=automount)
        if self._loop:
            pod = injection.injected(self.store, pod, owner["metadata"]["namespace"])
        if node:
            pod["spec"]["nodeName"] = node
        if self._loop:
            self.start(self.store.put(pod))
        else:
            pod["metadata"]["creationTimestamp"] = stamp(self.store.now())
            self.store.put(self._running(pod))

    def start(self, pod: Obj) -> None:
        """Has a stored pod run: at once, or after a moment in a live cluster."""
        if self._loop:
            self._loop.call_soon_threadsafe(self._loop.call_later, STARTING_S, self._start, pod)
        else:
            self.store.put(self._running(pod))

    def _start(self, pod: Obj) -> None:
        meta = pod["metadata"]
        found = self.store.find(self.cluster.catalogue.named("pods"), meta["name"], meta["namespace"])
        if found and found["metadata"]["uid"] == meta["uid"] and found["status"]["phase"] == "Pending":
            self.store.put(self._running(found))

    def _running(self, pod: Obj) -> Obj:
        node = self._node(pod)
        subnet = self._subnet(node)
        name = node["metadata"]["name"]
        count = self._next_ip[name] = self._next_ip.get(name, 3) + 1
        ip = f"10.{128 + subnet // 128}.{subnet % 128 * 2 + count // 254 % 2}.{count % 254 + 1}"
        return pods.run(pod, node, ip, self.store.now() + timedelta(seconds=3))

    def _subnet(self, node: Obj) -> int:
        names = [found["metadata"]["name"] for found in self.store.of("nodes")]
        return names.index(node["metadata"]["name"])

    def _node(self, pod: Obj) -> Obj:
        wanted = pod["spec"].get("nodeName")
        if wanted:
            return self.store.get("nodes", wanted)
        nodes = [node for node in self.store.of("nodes") if _fits(pod["spec"], node)]
        beside = [found["spec"].get("nodeName") for found in self._siblings(pod)]
        nodes = nodes or self.store.of("nodes")
        if self._loop:
            nodes = self._spread(pod, nodes, beside)
        least = min(beside.count(node["metadata"]["name"]) for node in nodes)
        return self.rng.choice([node for node in nodes if beside.count(node["metadata"]["name"]) == least])

    def _spread(self, pod: Obj, nodes: list[Obj], beside: list[str]) -> list[Obj]:
        """The nodes where fewest of a pod's siblings are, in zones or what else it asks to be spread over."""
        place = {node["metadata"]["name"]: node["metadata"]["labels"] for node in self.store.of("nodes")}
        for wanted in pod["spec"].get("topologySpreadConstraints") or ():
            key = wanted["topologyKey"]
            taken = [place[name].get(key) for name in beside if name in place]
            counts = [taken.count(node["metadata"]["labels"].get(key)) for node in nodes]
            nodes = [node for node, count in zip(nodes, counts, strict=True) if count == min(counts)]
        return nodes

    def _siblings(self, pod: Obj) -> list[Obj]:
        owners = pod["metadata"].get("ownerReferences") or ()
        return [obj for owner in owners for found, obj in self.store.owned(owner["uid"]) if found.plural == "pods"]


def _fits(spec: Obj, node: Obj) -> bool:
    """True if the pod's node selector and tolerations let it run on the node."""
    wanted: Obj = spec.get("nodeSelector") or {}
    if node["spec"].get("unschedulable") or not wanted.items() <= node["metadata"]["labels"].items():
        return False
    tolerated = [toleration.get("key") for toleration in spec.get("tolerations") or ()]
    taints = node["spec"].get("taints") or ()
    return all(taint["effect"] == "PreferNoSchedule" or {None, taint["key"]} & set(tolerated) for taint in taints)


def _deployment(run: Controllers, deployment: Obj) -> None:
    meta, spec = deployment["metadata"], deployment["spec"]
    digest = pods.template_hash(spec["template"])
    name = f"{meta['name']}-{digest}"
    sets = run.children(deployment, "replicasets")
    current = next((rs for rs in sets if rs["metadata"]["name"] == name), None)
    for old in sets:
        if old is not current and old["spec"]["replicas"]:
            run.update(old, {"spec": {"replicas": 0}})
    revision = 1 + max((int(rs["metadata"]["annotations"]["deployment.kubernetes.io/revision"]) for rs in sets), default=0)
    if current is None:
        labels = {**(spec["template"]["metadata"].get("labels") or {}), "pod-template-hash": digest}
        run.store.put(
            {
                "apiVersion": "apps/v1",
                "kind": "ReplicaSet",
                "metadata": {
                    "name": name,
                    "namespace": meta["namespace"],
                    "labels": labels,
                    "annotations": {"deployment.kubernetes.io/revision": str(revision)},
                    "ownerReferences": [pods.owner_reference(deployment)],
                },
                "spec": {
                    "replicas": spec.get("replicas", 1),
                    "selector": {"matchLabels": {**(spec["selector"].get("matchLabels") or {}), "pod-template-hash": digest}},
                    "template": merge(spec["template"], {"metadata": {"labels": labels}}),
                },
                "status": {"replicas": 0},
            }
        )
        return
    if current["spec"]["replicas"] != spec.get("replicas", 1):
        run.update(current, {"spec": {"replicas": spec.get("replicas", 1)}})
        return
    ready = int(current["status"].get("readyReplicas") or 0)
    total = sum(int(rs["status"].get("replicas") or 0) for rs in run.children(deployment, "replicasets"))
    updated = int(current["status"].get("replicas") or 0)
    wanted = spec.get("replicas", 1)
    status = {
        "observedGeneration": meta.get("generation", 1),
        "replicas": total or None,
        "updatedReplicas": updated or None,
        "readyReplicas": ready or None,
        "availableReplicas": ready or None,
        "unavailableReplicas": wanted - ready or None,
        "conditions": _rollout(run, deployment, name, ready >= wanted),
    }
    last = current["metadata"]["annotations"]["deployment.kubernetes.io/revision"]
    run.update(deployment, {"metadata": {"annotations": {"deployment.kubernetes.io/revision": last}}, "status": status})


def _rollout(run: Controllers, deployment: Obj, name: str, done: bool) -> list[Obj]:
    now = stamp(run.store.now())
    before = {c["type"]: c for c in (deployment.get("status") or {}).get("conditions") or ()}

    def condition(kind: str, status: str, reason: str, message: str) -> Obj:
        old = before.get(kind)
        if old and (old["status"], old.get("reason")) == (status, reason):
            return dict(old)
        since = old.get("lastTransitionTime") if old and old["status"] == status else now
        return {
            "type": kind,
            "status": status,
            "lastUpdateTime": now,
            "lastTransitionTime": since,
            "reason": reason,
            "message": message,
        }

    enough, progress = ("True", "NewReplicaSetAvailable") if done else ("False", "ReplicaSetUpdated")
    reason = "MinimumReplicasAvailable" if done else "MinimumReplicasUnavailable"
    return [
        condition("Available", enough, reason, f"Deployment {'has' if done else 'does not have'} minimum availability."),
        condition(
            "Progressing", "True", progress, f'ReplicaSet "{name}" {"has successfully progressed" if done else "is progressing"}.'
        ),
    ]


def _replicas(run: Controllers, owner: Obj) -> None:
    """ReplicaSets and ReplicationControllers: as many pods as asked for, counted in the status."""
    spec, name = owner["spec"], owner["metadata"]["name"]
    _release(run, owner)
    mine = [pod for pod in run.children(owner, "pods") if pod["status"].get("phase") not in ("Succeeded", "Failed")]
    living = [pod for pod in mine if not pod["metadata"].get("deletionTimestamp")]
    missing = spec.get("replicas", 1) - len(living)
    for _ in range(missing):
        run.create_pod(owner, spec["template"], f"{name}-{pods.suffix(run.rng)}")
    for pod in sorted(living, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), reverse=True)[: max(0, -missing)]:
        run.drop(pod)
    _count(run, owner)


def _release(run: Controllers, owner: Obj) -> None:
    """Lets go of the pods that the selector no longer selects: nobody controls them then."""
    selector = owner["spec"].get("selector") or {}
    selects = selector_predicate(selector if owner["kind"] != "ReplicationController" else {"matchLabels": selector})
    uid = owner["metadata"]["uid"]
    for pod in run.children(owner, "pods"):
        if not selects(pod["metadata"].get("labels") or {}):
            others = [item for item in pod["metadata"]["ownerReferences"] if item["uid"] != uid]
            run.update(pod, {"metadata": {"ownerReferences": others or None}})


def _stateful(run: Controllers, owner: Obj) -> None:
    spec, name = owner["spec"], owner["metadata"]["name"]
    _release(run, owner)
    have = {pod["metadata"]["name"]: pod for pod in run.children(owner, "pods")}
    wanted = [f"{name}-{number}" for number in range(spec.get("replicas", 1))]
    template = merge(spec["template"], {"metadata": {"labels": {"apps.kubernetes.io/pod-index": None}}})
    revision = f"{name}-{pods.template_hash(spec['template'])}"
    for number, pod_name in enumerate(wanted):
        labels = {
            "statefulset.kubernetes.io/pod-name": pod_name,
            "apps.kubernetes.io/pod-index": str(number),
            pods.REVISION: revision,
        }
        if pod_name not in have and run.store.find(run.cluster.catalogue.named("pods"), pod_name, owner["metadata"]["namespace"]):
            continue  # one that it let go of still has the name
        if pod_name not in have:
            run.create_pod(owner, merge(template, {"metadata": {"labels": labels}}), pod_name)
        elif have[pod_name]["metadata"]["labels"].get(pods.REVISION, revision) != revision:
            run.drop(have[pod_name])
    for pod_name in have.keys() - set(wanted):
        run.drop(have[pod_name])
    count = spec.get("replicas", 1)
    told = {"currentReplicas": count, "updatedReplicas": count, "currentRevision": revision, "updateRevision": revision}
    _count(run, owner, told)


def _same_images(pod: Obj, template: Obj) -> bool:
    wanted = [container["image"] for container in template["spec"]["containers"]]
    return [container["image"] for container in pod["spec"]["containers"]] == wanted


def _count(run: Controllers, owner: Obj, more: Obj | None = None) -> None:
    mine = run.children(owner, "pods")
    ready = sum(_ready(pod) for pod in mine)
    status = {
        "replicas": len(mine),
        "readyReplicas": ready or None,
        "availableReplicas": ready or None,
        "observedGeneration": owner["metadata"].get("generation", 1),
        **(more or {}),
    }
    run.update(owner, {"status": status})


def _ready(pod: Obj) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"].get("conditions") or ())


def _daemon(run: Controllers, owner: Obj) -> None:
    spec = owner["spec"]
    nodes = [n["metadata"]["name"] for n in run.store.of("nodes") if _fits(spec["template"]["spec"], n)]
    revision = pods.template_hash(spec["template"])
    template = merge(spec["template"], {"metadata": {"labels": {pods.REVISION: revision}}})
    have: dict[str, Obj] = {}
    for pod in run.children(owner, "pods"):
        if pod["metadata"]["labels"].get(pods.REVISION, revision) != revision or pod["spec"].get("nodeName") not in nodes:
            run.drop(pod)
        else:
            have[pod["spec"]["nodeName"]] = pod
    for node in nodes:
        if node not in have:
            name = f"{owner['metadata']['name']}-{pods.suffix(run.rng)}"
            run.create_pod(owner, template, name, node=node)
    ready = sum(_ready(pod) for pod in run.children(owner, "pods"))
    count = len(nodes)
    status = {
        "currentNumberScheduled": count, "desiredNumberScheduled": count, "numberMisscheduled": 0, "numberReady": ready,
        "updatedNumberScheduled": count, "numberAvailable": ready, "observedGeneration": owner["metadata"].get("generation", 1),
    }  # fmt: skip
    run.update(owner, {"status": status})


def _deployment_config(run: Controllers, config: Obj) -> None:
    meta, spec = config["metadata"], config["spec"]
    controllers = run.children(config, "replicationcontrollers")
    current = next((rc for rc in controllers if _same_images(rc["spec"]["template"], spec["template"])), None)
    version = int((config.get("status") or {}).get("latestVersion") or len(controllers))
    if current is None:
        version += 1
        name = f"{meta['name']}-{version}"
        labels = {**spec["template"]["metadata"]["labels"], "deployment": name, "deploymentconfig": meta["name"]}
        notes = {"openshift.io/deployment-config.name": meta["name"], "openshift.io/deployment.phase": "Complete"}
        run.store.put(
            {
                "apiVersion": "v1",
                "kind": "ReplicationController",
                "metadata": {
                    "name": name, "namespace": meta["namespace"], "annotations": notes,
                    "ownerReferences": [pods.owner_reference(config)],
                },
                "spec": {
                    "replicas": spec.get("replicas", 1), "selector": {**spec["selector"], "deployment": name},
                    "template": merge(spec["template"], {"metadata": {"labels": labels}}),
                },
                "status": {"replicas": 0},
            }
        )  # fmt: skip
    elif current["spec"]["replicas"] != spec.get("replicas", 1):
        run.update(current, {"spec": {"replicas": spec.get("replicas", 1)}})
    for old in controllers:
        if old is not current and old["spec"]["replicas"]:
            run.update(old, {"spec": {"replicas": 0}})
    ready = int(((current or {}).get("status") or {}).get("readyReplicas") or 0)
    status = {
        "latestVersion": version,
        "replicas": ready,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "updatedReplicas": ready,
        "unavailableReplicas": 0,
    }
    run.update(config, {"status": status})


def _pod(run: Controllers, pod: Obj) -> None:
    """A pod that no controller of ours made: scheduled and started as any other."""
    controlled = any(owner["kind"] != "Node" for owner in pod["metadata"].get("ownerReferences") or ())
    if not controlled and pod.get("status", {}).get("phase", "Pending") == "Pending":
        run.start(pod)
    scans.pod(run, pod)


def _cluster_role(run: Controllers, role: Obj) -> None:
    """Writes the rules of aggregated roles, and looks at those that may select this one."""
    if role.get("aggregationRule"):
        run.update(role, {"rules": aggregated(run.store, role)})
        return
    resource = run.cluster.catalogue.of_kind(role["apiVersion"], "ClusterRole")
    labels = role["metadata"].get("labels") or {}
    for other in run.store.all(resource) if any("aggregate" in label for label in labels) else ():
        selectors = (other.get("aggregationRule") or {}).get("clusterRoleSelectors") or ()
        if any(selector_predicate(selector)(labels) for selector in selectors):
            run.queue(resource, "", other["metadata"]["name"])


def _namespace(run: Controllers, space: Obj) -> None:
    namespaces.namespace(run, space)
    delivery.namespace(run, space)


def _service(run: Controllers, service: Obj) -> None:
    traffic.service(run, service)
    operators.balancer(run, service)


TABLE: dict[tuple[str, str], Callable[[Controllers, Obj], None]] = {
    ("apps", "deployments"): _deployment,
    ("apps", "replicasets"): _replicas,
    ("", "replicationcontrollers"): _replicas,
    ("apps", "statefulsets"): _stateful,
    ("apps", "daemonsets"): _daemon,
    ("apps.openshift.io", "deploymentconfigs"): _deployment_config,
    ("", "pods"): _pod,
    ("batch", "jobs"): jobs.run_job,
    ("batch", "cronjobs"): jobs.cron_job,
    ("", "namespaces"): _namespace,
    ("", "services"): _service,
    ("route.openshift.io", "routes"): traffic.route,
    ("networking.k8s.io", "ingresses"): traffic.ingress,
    ("policy", "poddisruptionbudgets"): traffic.disruption_budget,
    ("rbac.authorization.k8s.io", "clusterroles"): _cluster_role,
    ("config.openshift.io", "oauths"): operators.oauth,
    ("config.openshift.io", "clusterimagepolicies"): nodeconfig.image_policy,
    ("config.openshift.io", "apiservers"): operators.api_server,
    ("config.openshift.io", "clusteroperators"): operators.cluster_operator,
    ("operator.openshift.io", "ingresscontrollers"): operators.ingress_controller,
    ("machineconfiguration.openshift.io", "kubeletconfigs"): nodeconfig.kubelet_config,
    ("machineconfiguration.openshift.io", "machineconfigpools"): nodeconfig.pool,
    ("machineconfiguration.openshift.io", "machineconfigs"): nodeconfig.machine_config,
    ("compliance.openshift.io", "complianceremediations"): operators.remediation,
    ("compliance.openshift.io", "compliancescans"): operators.scan,
    (olm.GROUP, "catalogsources"): olm.catalog_source,
    (olm.GROUP, "operatorgroups"): olm.operator_group,
    (olm.GROUP, "subscriptions"): olm.subscription,
    (olm.GROUP, "installplans"): olm.install_plan,
    **OPERANDS,
}
