"""Which tasks of a pipeline check by policy, which deploy, and which check can stop which deployment."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from ztui.kinds.pipeline import CHECKERS, Pipeline, PipelineTask, Step, Task
from ztui.view import View

_WORDS: Final = re.compile(r"[-_./:]+")
_PAIRS: Final = ("kube-linter", "enterprise-contract")
_DEPLOY_WORDS: Final = frozenset({"deploy", "deployment", "rollout", "argocd", "openshift-client", "kubernetes-actions"})
_DEPLOY_PAIRS: Final = ("openshift-client", "kubernetes-actions", "helm-upgrade", "helm-install")


class Gate(msgspec.Struct, frozen=True):
    """A task that checks: by which tools, and which tasks it can keep from starting."""

    task: str
    tools: tuple[str, ...]
    holds: frozenset[str]


def gates_of(view: View, pipeline: Pipeline) -> tuple[Gate, ...]:
    """The checks of a pipeline, those that hold something first."""
    tasks = pipeline.spec.tasks or ()
    found = []
    for task in (*tasks, *(pipeline.spec.finally_ or ())):
        tools = _tools(view, pipeline.namespace, task)
        if tools:
            can_fail = task in tasks and task.on_error != "continue" and not _swallows(view, pipeline.namespace, task)
            holds = frozenset(item.name for item in tasks if task.name in _before(item.name, tasks)) if can_fail else frozenset()
            found.append(Gate(task.name, tools, holds))
    return tuple(sorted(found, key=lambda item: (not item.holds, item.task)))


def deploys(view: View, pipeline: Pipeline) -> tuple[str, ...]:
    """The tasks of a pipeline that change a cluster, in the order in which they are written."""
    tasks = pipeline.spec.tasks or ()
    return tuple(task.name for task in tasks if _deploys(view, pipeline.namespace, task))


def _before(name: str, tasks: tuple[PipelineTask, ...]) -> frozenset[str]:
    """Every task that has ended before this one starts."""
    after = {item.name: item.after for item in tasks}
    found: set[str] = set()
    front = [name]
    while front:
        new = after.get(front.pop(), frozenset()) - found
        found |= new
        front += new
    return frozenset(found)


def _tools(view: View, namespace: str, task: PipelineTask) -> tuple[str, ...]:
    names = {tool for step in _steps(view, namespace, task) for tool in step.checks}
    for name in _names(task):
        names |= CHECKERS & set(_WORDS.split(name)) - {"cosign"}
        names |= {pair for pair in _PAIRS if pair in name}
        names |= {"cosign"} if "cosign" in name and "verify" in name else set()
    return tuple(sorted(names))


def _deploys(view: View, namespace: str, task: PipelineTask) -> bool:
    named = any(_DEPLOY_WORDS & set(_WORDS.split(name)) or any(pair in name for pair in _DEPLOY_PAIRS) for name in _names(task))
    return named or any(step.deploys for step in _steps(view, namespace, task))


def _swallows(view: View, namespace: str, task: PipelineTask) -> bool:
    """Whether every step that checks goes on after a failure."""
    checking = [step for step in _steps(view, namespace, task) if step.checks]
    return bool(checking) and all(step.on_error == "continue" for step in checking)


def _names(task: PipelineTask) -> Iterator[str]:
    yield task.name.lower()
    if task.task_ref:
        yield task.task_ref.called.lower()


def _steps(view: View, namespace: str, task: PipelineTask) -> tuple[Step, ...]:
    if task.task_spec:
        return task.task_spec.steps or ()
    named = view.get(Task, task.task_ref.name, namespace) if task.task_ref and task.task_ref.name else None
    return (named.spec.steps or ()) if named else ()
