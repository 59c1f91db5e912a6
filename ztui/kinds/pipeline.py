"""Pipelines: what they run in which order, and whether what they made is signed.

Source: tekton.dev/v1, operator.tekton.dev/v1alpha1, field paths as in their CRDs; build.openshift.io/v1. Scripts, commands and
parameters stop here: of a step only the tools that it calls are kept.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec
from msgspec.structs import force_setattr

from ztui.kinds.base import Condition, Kind

CHECKERS: Final = frozenset(
    {"conftest", "kyverno", "gator", "kube-linter", "roxctl", "trivy", "checkov", "opa", "kubeconform", "ec", "cosign"}
)
"""Tools that judge manifests or images; of cosign only its verification counts."""

_CHECKS: Final = re.compile(
    r"(?<![\w-])(conftest|kyverno|gator|kube-linter|roxctl|trivy|checkov|opa|kubeconform|ec)(?![\w-])|(cosign)\s+verify"
)
_DEPLOYS: Final = re.compile(
    r"(?<![\w-])((?:kubectl|oc)\s+(?:apply|create|replace|rollout|patch|set)|helm\s+(?:upgrade|install)|argocd\s+app\s+sync)(?![\w-])"
)
_RESULT: Final = re.compile(r"\$\(tasks\.([\w.-]+?)\.(?:results|status|outputs)")
_TEXT_LIMIT: Final = 65_536


class Step(msgspec.Struct, frozen=True, rename="camel"):
    """One step: ``checks`` are the tools by which it judges, ``deploys`` says that it changes a cluster."""

    name: str = ""
    image: str = ""
    on_error: str = ""
    script: Any = None
    command: Any = None
    args: Any = None
    checks: Any = ()
    deploys: Any = False

    def __post_init__(self) -> None:
        """Keep which tools are called, drop what they are called with."""
        words = [part for told in (self.command, self.args) if isinstance(told, list) for part in map(str, told)]
        text = " ".join((self.image.rpartition("/")[2], " ".join(words), str(self.script or "")))[:_TEXT_LIMIT]
        found = sorted({a or b for a, b in _CHECKS.findall(text)})
        force_setattr(self, "checks", tuple(found))
        force_setattr(self, "deploys", _DEPLOYS.search(text) is not None)
        for name in ("script", "command", "args"):
            force_setattr(self, name, None)


class TaskSpec(msgspec.Struct, frozen=True):
    """The steps of a task."""

    steps: tuple[Step, ...] | None = None


class Task(Kind, frozen=True):
    """A task that pipelines share."""

    GROUP = "tekton.dev"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "tasks"
    KIND = "Task"

    spec: TaskSpec = TaskSpec()


class TaskParam(msgspec.Struct, frozen=True):
    """A parameter of a resolver; only the name of the task that it fetches is kept."""

    name: str = ""
    value: Any = None

    def __post_init__(self) -> None:
        """Drop every other value."""
        force_setattr(self, "value", self.value if self.name == "name" and isinstance(self.value, str) else None)


class TaskRef(msgspec.Struct, frozen=True):
    """The task that is run: by name, or fetched by a resolver."""

    name: str = ""
    params: tuple[TaskParam, ...] | None = None

    @property
    def called(self) -> str:
        """The name of the task, wherever it comes from."""
        return self.name or next((item.value for item in self.params or () if item.value), "")


class PipelineTask(msgspec.Struct, frozen=True, rename="camel"):
    """One task of a pipeline; ``params`` and ``when`` are reduced to the tasks whose results they use."""

    name: str = ""
    task_ref: TaskRef | None = None
    task_spec: TaskSpec | None = None
    run_after: tuple[str, ...] | None = None
    on_error: str = ""
    params: Any = None
    when: Any = None

    def __post_init__(self) -> None:
        """Keep the order that results make."""
        for name in ("params", "when"):
            found = _RESULT.findall(str(getattr(self, name) or "")[:_TEXT_LIMIT])
            force_setattr(self, name, tuple(sorted(set(found))))

    @property
    def after(self) -> frozenset[str]:
        """The tasks that have ended before this one starts."""
        return frozenset((*(self.run_after or ()), *self.params, *self.when))


class PipelineParam(msgspec.Struct, frozen=True):
    """A parameter that a pipeline declares; of its ``default`` only whether there is one stays."""

    name: str = ""
    default: Any = None

    def __post_init__(self) -> None:
        """Forget the value."""
        force_setattr(self, "default", self.default is not None and self.default is not False)


class PipelineSpec(msgspec.Struct, frozen=True):
    """The tasks of a pipeline, and its parameters."""

    params: tuple[PipelineParam, ...] | None = None
    tasks: tuple[PipelineTask, ...] | None = None
    finally_: tuple[PipelineTask, ...] | None = msgspec.field(default=None, name="finally")


class Pipeline(Kind, frozen=True):
    """A pipeline."""

    GROUP = "tekton.dev"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "pipelines"
    KIND = "Pipeline"

    spec: PipelineSpec = PipelineSpec()


class RunResult(msgspec.Struct, frozen=True):
    """A result by name: its value has no place here."""

    name: str = ""


class RunStatus(msgspec.Struct, frozen=True, rename="camel"):
    """How a run ended, when, and what results it has."""

    conditions: tuple[Condition, ...] | None = None
    completion_time: str | None = None
    results: tuple[RunResult, ...] | None = None


class PipelineRun(Kind, frozen=True):
    """One run of a pipeline; its annotations say whether it is signed."""

    GROUP = "tekton.dev"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "pipelineruns"
    KIND = "PipelineRun"

    status: RunStatus = RunStatus()


class TaskRun(Kind, frozen=True):
    """One run of a task; its annotations say whether it is signed."""

    GROUP = "tekton.dev"
    VERSIONS = ("v1", "v1beta1")
    PLURAL = "taskruns"
    KIND = "TaskRun"

    status: RunStatus = RunStatus()


class BuildStrategy(msgspec.Struct, frozen=True, gc=False):
    """How a build builds: from source, by a Dockerfile, or by an image of its own."""

    type: str = ""


class BuildSpec(msgspec.Struct, frozen=True):
    """How an image was built."""

    strategy: BuildStrategy = BuildStrategy()


class BuildStatus(msgspec.Struct, frozen=True, rename="camel", gc=False):
    """How a build ended, and when."""

    phase: str = ""
    completion_timestamp: str | None = None


class Build(Kind, frozen=True):
    """One build of OpenShift."""

    GROUP = "build.openshift.io"
    PLURAL = "builds"
    KIND = "Build"

    spec: BuildSpec = BuildSpec()
    status: BuildStatus = BuildStatus()


class Chain(msgspec.Struct, frozen=True):
    """The switch of what signs runs."""

    disabled: bool = False


class TektonConfigSpec(msgspec.Struct, frozen=True):
    """Settings of the pipelines' operator."""

    chain: Chain = Chain()


class TektonConfig(Kind, frozen=True):
    """The settings of pipelines."""

    GROUP = "operator.tekton.dev"
    VERSIONS = ("v1alpha1",)
    PLURAL = "tektonconfigs"
    KIND = "TektonConfig"
    NAMESPACED = False

    spec: TektonConfigSpec = TektonConfigSpec()
