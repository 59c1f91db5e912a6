"""Whether an image is verified before it runs, and by what.

Source: containers-policy.json scopes as OpenShift's image policies use them; globs of Sigstore's policy controller (``*`` stays
inside a path element, ``**`` does not); wildcards of Kyverno.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ztui.engines.policies import POLICIES, POLICIES_WHERE_SERVED, hook, pattern_matches, rules
from ztui.kinds.admission import ClusterImagePolicy, ImagePolicy, SigstorePolicy
from ztui.kinds.base import Kind, Ref
from ztui.kinds.workload import Namespace
from ztui.view import View

IMAGES: Final = POLICIES
IMAGES_WHERE_SERVED: Final[tuple[type[Kind], ...]] = (
    *POLICIES_WHERE_SERVED,
    ClusterImagePolicy,
    ImagePolicy,
    SigstorePolicy,
)
INCLUDE: Final = "policy.sigstore.dev/include"
_HUB: Final = "docker.io"


def verified_by(view: View, namespace: str, image: str) -> Ref | None:
    """The policy that refuses the image in that namespace unless it is signed; ``None`` where none does."""
    return next(iter(asking(view, namespace, image)), None)


def asking(view: View, namespace: str, image: str) -> tuple[Ref, ...]:
    """The same policy, and what it takes for it to act: the webhook of its engine, the namespace that asks for it by a label."""
    name = full_name(image)
    for policy in sorted(view.all(ClusterImagePolicy), key=lambda item: item.name):
        if any(in_scope(scope, name) for scope in policy.spec.scopes or ()):
            return (policy.ref,)
    for own in sorted(view.within(ImagePolicy, namespace), key=lambda item: item.name):
        if any(in_scope(scope, name) and nested_under(view, scope) is None for scope in own.spec.scopes or ()):
            return (own.ref,)
    for rule in view.derive(rules):
        if namespace in rule.namespaces and pattern_matches(rule.images, name) and not pattern_matches(rule.skipped, name):
            called = view.derive(hook, "Kyverno")  # of all engines with rules, only this one looks at signatures
            return (rule.on, called.by) if called is not None else (rule.on,)
    return _by_sigstore(view, namespace, name)


def nested_under(view: View, scope: str) -> Ref | None:
    """The cluster-wide policy below whose scope this one lies, so that nodes ignore it."""
    for policy in sorted(view.all(ClusterImagePolicy), key=lambda item: item.name):
        if any(in_scope(wider, scope) for wider in policy.spec.scopes or ()):
            return policy.ref
    return None


def is_pinned(image: str) -> bool:
    """Whether the image is named by its digest."""
    return "@sha256:" in image


def tag_of(image: str) -> str:
    """The tag of an image; ``latest`` where neither tag nor digest is given, empty for a digest alone."""
    name, _, digest = image.partition("@")
    _, colon, tag = name.rpartition("/")[2].partition(":")
    return tag if colon else ("" if digest else "latest")


@lru_cache(8192)
def full_name(image: str) -> str:
    """The image with its registry: names without one are Docker Hub's."""
    first, slash, _ = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return image
    return f"{_HUB}/{image}" if slash else f"{_HUB}/library/{image}"


def in_scope(scope: str, image: str) -> bool:
    """Whether a scope of an image policy covers an image (or a narrower scope): itself, or anything below it."""
    if scope.startswith("*."):
        return image.partition("/")[0].partition(":")[0].endswith(scope[1:])
    return image == scope or (image.startswith(scope) and image[len(scope)] in "/:@")


def _by_sigstore(view: View, namespace: str, image: str) -> tuple[Ref, ...]:
    space = view.get(Namespace, namespace)
    if space is None or space.labels.get(INCLUDE) != "true":
        return ()
    for policy in sorted(view.all(SigstorePolicy), key=lambda item: item.name):
        authorities = policy.spec.authorities or ()
        asks = any(item.static is None or item.static.action == "fail" for item in authorities)
        if asks and policy.spec.mode != "warn" and any(_glob(item.glob, image) for item in policy.spec.images or ()):
            return (policy.ref, space.ref)
    return ()


def _glob(pattern: str, image: str) -> bool:
    return bool(pattern) and _compiled(full_name(pattern) if "/" in pattern else pattern).fullmatch(image) is not None


@lru_cache(512)
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split(r"(\*\*+|\*)", pattern)
    return re.compile("".join({"*": "[^/]*"}.get(part, ".*" if part.startswith("**") else re.escape(part)) for part in parts))
