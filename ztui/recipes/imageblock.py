"""An image that starts nowhere any more: the API server itself refuses pods that name it, by a policy of its own.

Source: admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy; CEL of Kubernetes. Pods that run go on; a policy sees the name
that a pod asks for, so tags that stood for the image when it was seen are refused with it.
"""

from __future__ import annotations

import re
from collections import defaultdict
from typing import Any, Final

import msgspec

from ztui.checks.base import Reason
from ztui.engines.scans import digest_of, normalised, started
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, root_of
from ztui.kinds.admission import ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding
from ztui.kinds.base import Kind, Ref
from ztui.kinds.workload import Pod
from ztui.recipes.base import Draft, Stop, as_wanted, made, note, recipe, refused
from ztui.view import View

NO_DIGEST: Final = Reason("no-digest-told", "{image} names no digest of 64 hexadecimal digits")
NOT_SERVED: Final = Reason("no-admission-policies", "the server has no policies of its own (ValidatingAdmissionPolicy)")
REFUSES: Final = Reason("refuses-image", "no new pod starts anywhere with {digest}")
TAGS: Final = Reason("refuses-tags", "these names stood for it and are refused too: {names}")
SHARED: Final = Reason("image-shared", "{count} workloads in several namespaces run it, and could not start again: {places}")
GO_ON: Final = Reason("goes-on", "{root} runs it and goes on; its pods do not start again")

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_SHOWN: Final = 10


def _name(digest: str) -> str:
    return f"ztui-block-{digest.removeprefix('sha256:')[:12]}"


def image_ref(image: str) -> Ref:
    """An image, ``repo@sha256:…``, as the target of an incident."""
    return Ref("", "Image", "", image)


Running = tuple[tuple[Pod, str], ...]
"""Pods, each with the name that it asks for an image by."""


def running(view: View, digest: str) -> Running:
    """The live pods that run an image, by name."""
    return view.derive(_by_digest).get(digest, ())


def _by_digest(view: View) -> dict[str, Running]:
    found: defaultdict[str, set[tuple[str, str, str]]] = defaultdict(set)
    pods = {(pod.namespace, pod.name): pod for pod in view.all(Pod) if pod.is_live}
    for (namespace, name), pod in pods.items():
        for asked, image_id in started(pod):
            found[digest_of(normalised(image_id, asked))].add((namespace, name, asked))
        for item in pod.containers:
            found[digest_of(item.image)].add((namespace, name, item.image))
    return {
        digest: tuple((pods[namespace, name], asked) for namespace, name, asked in sorted(held)) for digest, held in found.items()
    }


def users(view: View, digest: str) -> tuple[Ref, ...]:
    """The workloads that run an image."""
    return tuple(sorted({root_of(view, pod) for pod, _ in running(view, digest)}))


def _is_refused(view: View, ref: Ref, was: View) -> bool:
    del was
    name = _name(digest_of(ref.name))
    bound = view.get(ValidatingAdmissionPolicyBinding, name)
    return view.get(ValidatingAdmissionPolicy, name) is not None and bound is not None


READS: Final[tuple[type[Kind], ...]] = (
    *WORKLOADS,
    *WORKLOADS_WHERE_SERVED,
    ValidatingAdmissionPolicy,
    ValidatingAdmissionPolicyBinding,
)


@recipe(
    "R-IMAGE-BLOCK",
    "Let the image start nowhere any more",
    risk_class="disruptive",
    on=("Image",),
    writes=(ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding),
    makes=(ValidatingAdmissionPolicy, ValidatingAdmissionPolicyBinding),
    reads=READS,
    contains=("image",),
    verify_s=10.0,
    done=_is_refused,
)
def block(view: View, ref: Ref) -> Draft:
    """A policy and its binding, for every namespace; pods that have the image already may still be changed otherwise."""
    digest = digest_of(ref.name)
    if not _DIGEST.fullmatch(digest):
        return refused(ref, NO_DIGEST, image=ref.name)
    if view.absent(ValidatingAdmissionPolicy):
        return refused(ref, NOT_SERVED)
    name = _name(digest)
    if _is_refused(view, ref, view):
        return as_wanted(ref, f"{name} refuses it")
    pods = running(view, digest)
    tags = sorted({asked for _, asked in pods if digest_of(asked) != digest and asked})
    policy = made(
        ValidatingAdmissionPolicy, name, "", {"spec": _spec(digest, tags)}, held=view.get(ValidatingAdmissionPolicy, name)
    )
    spec = {"policyName": name, "validationActions": ["Deny"]}
    binding = made(ValidatingAdmissionPolicyBinding, name, "", {"spec": spec})
    radius = [note(REFUSES, ref, digest=digest)]
    radius += [note(TAGS, ref, names=", ".join(tags[:_SHOWN]))] if tags else []
    roots = users(view, digest)
    radius += [note(GO_ON, root, root=root) for root in roots]
    places = sorted({root.namespace for root in roots})
    shared = note(SHARED, ref, count=len(roots), places=", ".join(places))
    return Draft((policy, binding), tuple(radius), (Stop(shared, override=True),) if len(places) > 1 else ())


def _spec(digest: str, tags: list[str]) -> dict[str, Any]:
    lists = ("containers", "initContainers", "ephemeralContainers")
    every = " + ".join(f"({{of}}.spec.?{name}.orValue([]).map(c, c.?image.orValue('')))" for name in lists)
    old = f"oldObject == null ? [] : ({every.format(of='oldObject')})"
    known = msgspec.json.encode(tags).decode()
    rules = [
        {
            "apiGroups": [""],
            "apiVersions": ["v1"],
            "operations": ["CREATE", "UPDATE"],
            "resources": ["pods", "pods/ephemeralcontainers"],
        }
    ]
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": rules},
        "variables": [
            {"name": "images", "expression": every.format(of="object")},
            {"name": "old", "expression": old},
        ],
        "validations": [
            {
                "expression": f"variables.images.all(i, i in variables.old || !(i.endsWith('@{digest}') || i in {known}))",
                "message": f"the image {digest} is blocked: an incident is being contained",
            }
        ],
    }
