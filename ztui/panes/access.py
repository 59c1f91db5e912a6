"""Who can: the questions that matter most, each with how many hold the answer; Enter asks it in full."""

from __future__ import annotations

from typing import Final

from ztui.engines.grants import ACCESS, is_broad, question_for, server_minor, who_can
from ztui.panes.base import Line, cell, prose
from ztui.view import View

QUESTIONS: Final[tuple[tuple[str, str, str], ...]] = (
    ("get", "secrets", "reads the values of Secrets"),
    ("create", "pods/exec", "runs commands inside of pods"),
    ("create", "pods", "runs pods, as any account of the namespace"),
    ("create", "serviceaccounts/token", "makes itself tokens of accounts"),
    ("impersonate", "users", "acts as anybody"),
    ("bind", "clusterroles.rbac.authorization.k8s.io", "grants rights that it does not hold"),
    ("escalate", "clusterroles.rbac.authorization.k8s.io", "writes itself rights that it does not hold"),
    ("create", "rolebindings.rbac.authorization.k8s.io", "grants what it holds to others"),
    ("use", "securitycontextconstraints.security.openshift.io", "runs pods outside of their confinement"),
    ("get", "nodes/proxy", "reaches into every pod of a node, past the API server's audit"),
    ("update", "validatingwebhookconfigurations.admissionregistration.k8s.io", "switches off what admission refuses"),
    ("update", "networkpolicies.networking.k8s.io", "opens the network"),
    ("*", "*", "does something to objects of every kind"),
)


def access_lines(view: View, namespace: str = "") -> tuple[Line, ...]:
    """A line for each question: how many subjects, of which everybody's groups, and over how many namespaces."""
    minor = server_minor(view)
    complete = is_whole(view, namespace)
    return tuple(_line(view, verb, resource, what, namespace, minor, complete=complete) for verb, resource, what in QUESTIONS)


def _line(view: View, verb: str, resource: str, what: str, namespace: str, minor: int, *, complete: bool) -> Line:
    found = who_can(view, question_for(verb, resource, "", namespace), minor=minor)
    subjects = {item.grant.key for item in found}
    everywhere = {item.grant.key for item in found if not item.grant.namespace and not item.named}
    broad = sorted({item.grant.key for item in found if is_broad(item.grant.subject)})
    unsure = "" if complete else "+?"
    told = f"{len(subjects)}{unsure} subjects, {len(everywhere)} of them everywhere; whoever may {verb} {resource} {what}."
    if broad:
        told += f" Among them {', '.join(broad)}."
    if unsure:
        told += " Not all roles and bindings could be read: there may be more."
    everybody = cell(", ".join(broad), "fail") if broad else cell("?", "unknown") if unsure else cell("–", "dim")
    return Line(
        f"ask:{verb} {resource}",
        (
            cell(f"{verb} {resource.partition('.')[0]}", "strong"),
            cell(f"{len(subjects):>4}{unsure}", "unknown" if unsure else "plain"),
            cell(f"{len(everywhere):>4}{unsure}"),
            everybody,
            cell(what, "dim"),
            prose(told),
        ),
        words=f"{verb} {resource} {what}",
    )


def is_whole(view: View, namespace: str = "") -> bool:
    """Whether all roles and bindings that may hold there could be read."""
    return not any(view.gap(kind, namespace) if kind.NAMESPACED and namespace else view.gap(kind) for kind in ACCESS)
