"""Answer an incident by a pipeline of the cluster's own: one PipelineRun of a Pipeline that a person names.

The run gets what the pipeline declares of the parameters ``incident``, ``level``, ``kind``, ``namespace`` and ``name``. Pipelines
write parameters into scripts, and a signal is anybody's word, so a value that is more than a plain name is not passed on.
Source: tekton.dev/v1 Pipeline ``spec.params``, PipelineRun ``spec.pipelineRef``, ``spec.params``.
"""

from __future__ import annotations

import re
from typing import Final

from ztui.checks.base import Reason
from ztui.kinds.base import Ref
from ztui.kinds.pipeline import Pipeline, PipelineRun
from ztui.recipes.base import Draft, Question, gone, made, note, recipe, refused
from ztui.recipes.fuse import plain_name
from ztui.view import View

STARTS: Final = Reason("respond-starts", "{pipeline} runs with the rights of its own account; {given}")
WANTS: Final = Reason("respond-wants", "{pipeline} asks for {missing} too, which an incident does not tell")
ODD: Final = Reason("respond-odd", "{name} is more than a plain name: nothing of the kind is given to a pipeline")

GIVEN: Final = ("incident", "level", "kind", "namespace", "name")
INCIDENT: Final = "ztui.io/incident"
PREFIX: Final = "ztui-"
_PLAIN: Final = re.compile(r"[A-Za-z0-9]?|[A-Za-z0-9][A-Za-z0-9.:_-]{0,251}[A-Za-z0-9]")


@recipe(
    "R-RESPOND",
    "Start a pipeline about an incident",
    risk_class="disruptive",
    on=(Pipeline,),
    writes=(PipelineRun,),
    reads=(Pipeline,),
    makes=(PipelineRun,),
    asks=(
        Question("incident", "The id of the incident"),
        Question("level", "Its level", "medium"),
        Question("kind", "The kind of what it is about", "Deployment"),
        Question("namespace", "The namespace of what it is about", "default"),
        Question("name", "The name of what it is about", "unknown"),
    ),
    contains=("response",),
    verify_s=30.0,
)
def respond(view: View, ref: Ref, incident: str, level: str = "", kind: str = "", namespace: str = "", name: str = "") -> Draft:
    """One run, named after the pipeline and the minute."""
    pipeline = view.get(Pipeline, ref.name, ref.namespace)
    if pipeline is None:
        return gone(ref)
    values = dict(zip(GIVEN, (incident, level, kind, namespace, name), strict=True))
    odd = [key for key, value in values.items() if not _PLAIN.fullmatch(value)]
    if odd or not incident:
        return refused(ref, ODD, name=", ".join(odd) or "incident")
    asked = pipeline.spec.params or ()
    missing = [item.name for item in asked if item.name not in values and not item.default]
    if missing:
        return refused(ref, WANTS, pipeline=ref, missing=", ".join(missing))
    params = [{"name": item.name, "value": values[item.name]} for item in asked if item.name in values]
    body = {
        "metadata": {"labels": {INCIDENT: incident}},
        "spec": {"pipelineRef": {"name": ref.name}, "params": params},
    }
    given = "it is told " + ", ".join(f"{item['name']}={item['value']}" for item in params) if params else "it is told nothing"
    write = made(PipelineRun, plain_name(view, f"{ref.name}-{incident}", PREFIX), ref.namespace, body)
    return Draft((write,), (note(STARTS, ref, pipeline=ref, given=given),))
