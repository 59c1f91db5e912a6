"""What is ended where it is told: silences of an alert manager, violations that ACS holds as active.

No round of reading asks for these as objects: they are looked at when somebody is about to end one.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from ztui.kinds.base import Kind


class ToldKind(Kind, frozen=True):
    """Something beside a cluster that is written, and never followed."""

    GROUP: ClassVar[str] = "signals"
    SOURCE: ClassVar[Literal["cluster", "session", "vault", "metrics", "records", "node", "beside"]] = "beside"


class AlertSilence(ToldKind, frozen=True):
    """A silence of all alerts of one name in one namespace; named after the alert."""

    KIND = "AlertSilence"

    alert: str = ""
    hours: int = 0


class ActiveViolation(ToldKind, frozen=True):
    """The violations of one policy by one workload that nobody has resolved. The name is ``KIND/WORKLOAD/POLICY``."""

    KIND = "ActiveViolation"

    @staticmethod
    def named(kind: str, workload: str, policy: str) -> str:
        """The name for a policy that a workload breaks."""
        return f"{kind}/{workload}/{policy}"

    @staticmethod
    def parts(name: str) -> tuple[str, str, str]:
        """Kind and name of the workload, and the policy."""
        kind, _, rest = name.partition("/")
        workload, _, policy = rest.partition("/")
        return kind, workload, policy
