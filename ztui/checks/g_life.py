"""Row G.LIFE: what is built in the cluster is signed, and what runs comes from known places and stays the same."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from ztui.checks.base import Bands, Evidence, Finding, aside, check, cluster_ref, fail, ok, reason, seen, warn
from ztui.engines import tenancy
from ztui.engines.signatures import is_pinned, tag_of
from ztui.engines.units import WORKLOADS, WORKLOADS_WHERE_SERVED, workloads
from ztui.kinds.admission import ImageConfig
from ztui.kinds.base import Kind, Ref, condition, instant
from ztui.kinds.pipeline import Build, PipelineRun, RunStatus, TaskRun, TektonConfig
from ztui.kinds.workload import Namespace
from ztui.view import View

SIGNED = reason("run-signed", "what it made is signed and attested")
UNSIGNED = reason(
    "run-unsigned",
    "made an image that nobody signed",
    next="Set up Tekton Chains with a key, and storage for its attestations",
)
BUILD_UNSIGNED = reason(
    "build-unsigned",
    "made an image by a Build ({strategy}), which nothing signs",
    next="Move the build to a pipeline that Tekton Chains signs",
)
CHAINS_OFF = reason(
    "chains-off",
    "nothing signs what pipelines make: chain.disabled is set",
    next="Set spec.chain.disabled to false, and give it a key",
    stands=True,
)
INSECURE = reason(
    "insecure-registries",
    "nodes pull from {names} without verified TLS",
    next="Give the registry a certificate; take it out of registrySources.insecureRegistries",
    stands=True,
)
NO_LIST = reason(
    "no-allow-list",
    "nodes pull from any registry",
    next="Set registrySources.allowedRegistries, with the internal registry and those of the platform in it",
)
RESTRICTED = reason("registries-restricted", "nodes pull from {count} registries only")
MOVING = reason(
    "moving-tags",
    "{count} of {total} workloads run :latest, or no tag at all",
    next="Preview pinning each to the digest that it runs",
)
FEW_PINNED = reason(
    "few-digests",
    "{count} of {total} workloads name their images by digest",
    next="Preview pinning each to the digest that it runs",
)
IMMUTABLE = reason("images-immutable", "{count} of {total} workloads name their images by digest")

_SIGNED: Final = "chains.tekton.dev/signed"
_RECENT: Final = timedelta(days=30)
_MOVING_OVER: Final = 0.1
_PINNED_FROM: Final = 0.8


@check(
    "ZTG-LIFE-001",
    "Builds are attested",
    severity="medium",
    gate="R",
    grain="both",
    needs=(Namespace,),
    where_served=(PipelineRun, TaskRun, TektonConfig, Build),
    ratio=Bands(pass_at=0.9, warn_at=0.5),
    maps=("CISA Apps", "800-53 SR-4", "800-53 SR-11", "800-53 SA-15"),
)
def builds_attested(view: View, namespace: Namespace | None) -> Iterator[Finding]:
    """What is built in the cluster is signed, with a record of how it was built.

    Why: trust starts at build.
    How: an image that nobody signed may come from anywhere, the attacker's laptop too.
    Rule: signed runs of those that made an image and succeeded in 30 days: pass from 90 %, warn from 50 %, fail below, or if
    signing is switched off; not applicable where nothing is built.
    Traps: a run makes an image where one of its results is a digest or an artefact; a task of a run that counts is not counted
    again; Builds of OpenShift are signed by nothing; runs that were pruned are not seen.
    Source: tekton.dev/v1 PipelineRun, TaskRun, status.results[].name, status.conditions[type=Succeeded],
    metadata.annotations[chains.tekton.dev/signed]; operator.tekton.dev/v1alpha1 TektonConfig, spec.chain.disabled;
    build.openshift.io/v1 Build, status.phase, status.completionTimestamp, spec.strategy.type.
    Verify: kubectl get pipelineruns -A -o custom-columns=NAME:.metadata.name,NOTES:.metadata.annotations
    """
    if namespace is None:
        if any(view.derive(_made_in, name) for name in view.derive(tenancy.user_namespaces)):
            for config in view.all(TektonConfig):
                if config.spec.chain.disabled:
                    yield aside(fail(config, CHAINS_OFF, seen=[seen(config, "spec.chain.disabled", "true")]))
        return
    yield from view.derive(_made_in, namespace.name)


@check(
    "ZTG-LIFE-002",
    "Deploy sources are restricted and images immutable",
    severity="medium",
    gate="R",
    grain="cluster",
    needs=(Namespace, *WORKLOADS),
    where_served=(*WORKLOADS_WHERE_SERVED, ImageConfig),
    recipes=("R-PIN-DIGEST",),
    maps=("800-53 CM-7(5)", "800-53 CM-14", "CIS-OCP 5.5.1"),
)
def sources_restricted(view: View) -> Iterator[Finding]:
    """Images come from registries that were chosen, over verified TLS, and what runs is what was scanned.

    Why: what was scanned must be what runs.
    How: whoever can push to the tag replaces what the next restart runs.
    Rule: fail if nodes pull from a registry without verified TLS, or more than a tenth of the workloads runs :latest or no tag;
    warn if nodes pull from anywhere, or fewer than 80 % of the workloads are named by digest; pass otherwise.
    Traps: an allow-list must hold the internal registry and those of the platform, or nodes pull nothing; the list for imports is
    not the one for pulls; init containers count. Plain Kubernetes has no such list, ZT4-PAC-002 judges what its policies allow.
    Source: config.openshift.io/v1 Image, spec.registrySources.allowedRegistries, spec.registrySources.insecureRegistries,
    spec.allowedRegistriesForImport[].insecure; v1 Pod, spec.containers[].image.
    Verify: oc get image.config.openshift.io cluster -o jsonpath='{.spec.registrySources}'
    """
    config = view.get(ImageConfig, "cluster")
    if config is not None:
        yield from _registries(config)
    elif not view.absent(ImageConfig):
        yield warn(cluster_ref(), NO_LIST)
    yield from _tags(view)


def _made_in(view: View, namespace: str) -> tuple[Finding, ...]:
    """Every recent run of a namespace that made an image, and whether it is signed."""
    found: list[Finding] = []
    counted: set[str] = set()
    for run in sorted(view.within(PipelineRun, namespace), key=_name):
        if _made_image(view, run.status):
            counted.add(run.name)
            found.append(_signed(run))
    for task in sorted(view.within(TaskRun, namespace), key=_name):
        of_run = any(item.kind == "PipelineRun" and item.name in counted for item in task.owners)
        if not of_run and _made_image(view, task.status):
            found.append(_signed(task))
    for build in sorted(view.within(Build, namespace), key=_name):
        if build.status.phase == "Complete" and _is_recent(view, instant(build.status.completion_timestamp)):
            fact = seen(build, "spec.strategy.type", build.spec.strategy.type)
            found.append(warn(build, BUILD_UNSIGNED, seen=[fact], strategy=build.spec.strategy.type or "no strategy"))
    return tuple(found)


def _made_image(view: View, status: RunStatus) -> bool:
    """Whether a run succeeded in the last 30 days and has a result that names an image."""
    done = condition(status.conditions, "Succeeded")
    if done is None or done.status != "True":
        return False
    names = [item.name.upper() for item in status.results or ()]
    made = any(name.endswith(("IMAGE_DIGEST", "ARTIFACT_OUTPUTS", "ARTIFACT_URI")) or name == "IMAGES" for name in names)
    return made and _is_recent(view, instant(status.completion_time) or instant(done.last_transition_time))


def _is_recent(view: View, at: datetime | None) -> bool:
    return at is not None and view.now - at <= _RECENT


def _signed(run: PipelineRun | TaskRun) -> Finding:
    word = run.annotations.get(_SIGNED, "")
    fact = seen(run, f"metadata.annotations[{_SIGNED}]", word)
    return ok(run, SIGNED, seen=[fact]) if word == "true" else warn(run, UNSIGNED, seen=[fact])


def _registries(config: ImageConfig) -> Iterator[Finding]:
    sources = config.spec.registry_sources
    imports = [item.domain_name for item in config.spec.allowed_registries_for_import or () if item.insecure]
    insecure = sorted({*(sources.insecure_registries or ()), *imports})
    if insecure:
        fact = seen(config, "spec.registrySources.insecureRegistries", ", ".join(insecure))
        yield fail(config, INSECURE, seen=[fact], names=", ".join(insecure[:3]))
    allowed = sources.allowed_registries or ()
    fact = seen(config, "spec.registrySources.allowedRegistries", ", ".join(allowed))
    if not allowed:
        yield warn(config, NO_LIST, seen=[fact])
    elif not insecure:
        yield ok(config, RESTRICTED, seen=[fact], count=len(allowed))


def _tags(view: View) -> Iterator[Finding]:
    """How many workloads of tenants run moving tags, and how many are pinned."""
    found = [item for name in view.derive(tenancy.user_namespaces) for item in view.derive(_images_in, name)]
    if not found:
        return
    moving = [(root, image) for root, image, _ in found if image]
    pinned = sum(is_all for _, _, is_all in found)
    facts = [Evidence(root, "spec.containers[].image", image) for root, image in moving]
    if len(moving) / len(found) > _MOVING_OVER:
        yield fail(cluster_ref("images"), MOVING, seen=facts, count=len(moving), total=len(found))
    if pinned / len(found) < _PINNED_FROM:
        yield warn(cluster_ref("images"), FEW_PINNED, seen=facts, count=pinned, total=len(found))
    elif len(moving) / len(found) <= _MOVING_OVER:
        yield ok(cluster_ref("images"), IMMUTABLE, count=pinned, total=len(found))


def _images_in(view: View, namespace: str) -> tuple[tuple[Ref, str, bool], ...]:
    """For each workload of a namespace: an image with a moving tag, empty where it has none, and whether all are pinned."""
    found = []
    for unit in view.derive(workloads, namespace):
        images = sorted({item.image for pod in unit.pods for item in pod.containers})
        moving = next((image for image in images if not is_pinned(image) and tag_of(image) == "latest"), "")
        found.append((unit.root, moving, all(is_pinned(image) for image in images)))
    return tuple(found)


def _name(of: Kind) -> str:
    return of.name
