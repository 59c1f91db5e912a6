"""The error tree: what failed, where, why, and what to do next.

A class exists only where someone handles it differently. All four parts are clean and redacted when the error is made, so a
message can be shown, logged or exported as it is. Nothing here knows a library: each library's error is translated at its call.
"""

from __future__ import annotations

from ztui.redact import redact
from ztui.text import Clean, clean


class ZtuiError(Exception):
    """A failure that a user can understand: four sentences, safe to show anywhere.

    ``what`` failed, ``where`` (context, kind or path), ``why`` (the other side's words, cleaned), ``next`` (what to do now).
    """

    exit_code = 70

    def __init__(self, what: str, *, where: str = "", why: str = "", next: str = "") -> None:  # noqa: A002  the user's word
        self.what = _safe(what)
        self.where = _safe(where)
        self.why = _safe(why)
        self.next = _safe(next)
        super().__init__(str(self))

    def __str__(self) -> str:
        """All four parts in one line: ``what (where): why; next``."""
        place = f" ({self.where})" if self.where else ""
        cause = f": {self.why}" if self.why else ""
        step = f"; {self.next}" if self.next else ""
        return f"{self.what}{place}{cause}{step}"


class SettingsError(ZtuiError):
    """The user's file, flag or environment is wrong."""

    exit_code = 2


class ConnectError(ZtuiError):
    """The other side cannot be reached or does not agree; worth another try.

    ``status`` is the HTTP status, 0 where there was none; ``retry_after_s`` is what the server asked for.
    """

    exit_code = 3

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        why: str = "",
        next: str = "",  # noqa: A002
        status: int = 0,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(what, where=where, why=why, next=next)
        self.status = status
        self.retry_after_s = retry_after_s


class TrustError(ConnectError):
    """TLS, name, certificate authority or redirect is wrong: never retried blindly, never bypassed."""


class LoginError(ZtuiError):
    """The login is missing, expired or refused."""

    exit_code = 3


class ForbiddenError(ZtuiError):
    """The server knows us and says no: ``verb`` on ``resource`` in ``scope`` (a namespace, or ``cluster``)."""

    exit_code = 3

    def __init__(
        self,
        verb: str,
        resource: str,
        scope: str = "cluster",
        *,
        why: str = "",
        next: str = "`ztui roles viewer` prints the rights that ztui uses",  # noqa: A002  as in ZtuiError
    ) -> None:
        self.verb = verb
        self.resource = resource
        self.scope = scope
        super().__init__(
            f"no permission: {verb} {resource} ({scope})",
            why=why,
            next=next,
        )


class AbsentError(ZtuiError):
    """The server answered and the thing is not there (404)."""

    exit_code = 3


class GoneError(ZtuiError):
    """The version that was asked for is compacted away (410): list again."""

    exit_code = 3


class DataError(ZtuiError):
    """An answer is not what its schema says; ``where`` carries the path."""

    exit_code = 3


def _safe(part: str) -> Clean:
    return clean(redact(part), limit=600)


class JournalError(ZtuiError):
    """What we keep on disk cannot be kept, or is not what we kept."""

    exit_code = 3


class ChangeError(ZtuiError):
    """A change was not made: nothing was sent, or the server said no."""

    exit_code = 3


class DriftError(ChangeError):
    """The object is not any more what the preview showed."""


class ConflictError(ChangeError):
    """Others own fields that a change sets. ``owners`` has for each of them its fields, in words."""

    def __init__(self, what: str, owners: dict[str, tuple[str, ...]], *, where: str = "", why: str = "") -> None:
        self.owners = owners
        super().__init__(what, where=where, why=why, next="take the fields over, or change them where they come from")


class OutcomeUnknownError(ChangeError):
    """It was sent and the answer was lost: it must be read back before anything else."""
