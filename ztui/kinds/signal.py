"""What watches nodes and workloads while they run. Source: fileintegrity.openshift.io/v1alpha1, cilium.io/v1alpha1 (Tetragon)."""

from __future__ import annotations

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.base import Kind, shared


class IntegrityStatus(msgspec.Struct, frozen=True, gc=False):
    """``Active``, ``Initializing``, ``Pending`` or ``Error``."""

    phase: str = ""


class FileIntegrity(Kind, frozen=True):
    """A watch over the files of nodes."""

    GROUP = "fileintegrity.openshift.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "fileintegrities"
    KIND = "FileIntegrity"

    status: IntegrityStatus = IntegrityStatus()


class IntegrityResult(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """What the last look at a node found: ``Succeeded``, ``Failed`` or ``Errored``."""

    condition: str = ""
    last_probe_time: str = ""
    files_added: int = 0
    files_changed: int = 0
    files_removed: int = 0


class FileIntegrityNodeStatus(Kind, frozen=True, rename="camel"):
    """What is known of the files of one node."""

    GROUP = "fileintegrity.openshift.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "fileintegritynodestatuses"
    KIND = "FileIntegrityNodeStatus"

    node_name: str = ""
    last_result: IntegrityResult = IntegrityResult()


class PolicyOption(msgspec.Struct, frozen=True, gc=False):
    """A switch of a tracing policy."""

    name: str = ""
    value: str = ""


class TracingAction(msgspec.Struct, frozen=True, gc=False):
    """What is done where a selector matches."""

    action: str = ""


class TracingSelector(msgspec.Struct, frozen=True, rename="camel"):
    """Only the actions of a selector are kept."""

    match_actions: tuple[TracingAction, ...] | None = None


class Probe(msgspec.Struct, frozen=True):
    """A hook into the kernel."""

    selectors: tuple[TracingSelector, ...] | None = None


class Enforcer(msgspec.Struct, frozen=True):
    """System calls that may be answered in the kernel's place."""

    calls: tuple[str, ...] | None = None


class TracingSpec(msgspec.Struct, frozen=True):
    """Hooks and switches; of the hooks only the actions are kept."""

    options: tuple[PolicyOption, ...] | None = None
    enforcers: tuple[Enforcer, ...] | None = None
    kprobes: tuple[Probe, ...] | None = None
    lsmhooks: tuple[Probe, ...] | None = None
    tracepoints: tuple[Probe, ...] | None = None
    uprobes: tuple[Probe, ...] | None = None

    def __post_init__(self) -> None:
        """Many pods' policies are one template: hold its hooks once."""
        force_setattr(self, "kprobes", shared(self.kprobes))


class TracingPolicy(Kind, frozen=True):
    """What Tetragon looks for, in every namespace."""

    GROUP = "cilium.io"
    VERSIONS = ("v1alpha1",)
    PLURAL = "tracingpolicies"
    KIND = "TracingPolicy"
    NAMESPACED = False

    spec: TracingSpec = TracingSpec()

    @property
    def only_watches(self) -> bool:
        """Whether the policy is told to look and do nothing."""
        return any(item.name == "policy-mode" and item.value == "monitor" for item in self.spec.options or ())

    @property
    def acts(self) -> bool:
        """Whether it kills, or answers a call in the kernel's place."""
        spec = self.spec
        hooks = (*(spec.kprobes or ()), *(spec.lsmhooks or ()), *(spec.tracepoints or ()), *(spec.uprobes or ()))
        actions = {item.action for hook in hooks for one in hook.selectors or () for item in one.match_actions or ()}
        return not self.only_watches and (bool(spec.enforcers) or bool(actions & {"Sigkill", "Override", "NotifyEnforcer"}))
