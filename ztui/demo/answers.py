"""What the demo API server says when it says no: Status bodies with the wording of the real one.

Everything that refuses a request raises `ApiError`; only `server` turns it into bytes.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Obj: TypeAlias = dict[str, Any]  # one API object as JSON; a stored one is never changed in place

# apimachinery metav1.StatusReason by HTTP code
REASONS = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    406: "NotAcceptable",
    409: "Conflict",
    410: "Expired",
    413: "RequestEntityTooLarge",
    415: "UnsupportedMediaType",
    422: "Invalid",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
    504: "Timeout",
}


class ApiError(Exception):
    """A refusal: HTTP code, reason, message and details of the Status to answer with."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        reason: str | None = None,
        details: Obj | None = None,
        meta: Obj | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.reason = REASONS.get(code, "InternalError") if reason is None else reason
        self.details = details
        self.meta = meta or {}
        self.headers = headers or {}

    def status(self) -> Obj:
        """The Status object, keys in the order the real server writes them."""
        body: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": self.meta,
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        body["code"] = self.code
        return body


def qualified(plural: str, group: str) -> str:
    """The resource as messages name it: `pods`, `routes.route.openshift.io`."""
    return f"{plural}.{group}" if group else plural


def _about(name: str, group: str, plural: str, **more: Any) -> Obj:
    details: Obj = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    if plural:
        details["kind"] = plural
    return {**details, **more}


def not_found(group: str, plural: str, name: str) -> ApiError:
    """404 for an object."""
    return ApiError(404, f'{qualified(plural, group)} "{name}" not found', details=_about(name, group, plural))


def no_such_path() -> ApiError:
    """404 for a resource or version that is not served."""
    return ApiError(404, "the server could not find the requested resource", details={})


class PageNotFound(ApiError):  # noqa: N818  # an answer, named as the answer is
    """404 in plain text, for paths that no handler knows."""

    def __init__(self) -> None:
        super().__init__(404, "404 page not found\n")


def already_exists(group: str, plural: str, name: str) -> ApiError:
    """409 on create."""
    text = f'{qualified(plural, group)} "{name}" already exists'
    return ApiError(409, text, reason="AlreadyExists", details=_about(name, group, plural))


def conflict(group: str, plural: str, name: str, why: str = "") -> ApiError:
    """409 on a stale resourceVersion or a failed precondition."""
    why = why or "the object has been modified; please apply your changes to the latest version and try again"
    text = f'Operation cannot be fulfilled on {qualified(plural, group)} "{name}": {why}'
    return ApiError(409, text, details=_about(name, group, plural))


def invalid(group: str, kind: str, name: str, causes: list[tuple[str, str, str]]) -> ApiError:
    """422; each cause is (field, reason, message), the message as field.Error prints it."""
    listed = list(dict.fromkeys(f"{field}: {message}" for field, _, message in causes))
    text = listed[0] if len(listed) == 1 else "[" + ", ".join(listed) + "]"
    about = _about(name, group, kind)
    about["causes"] = [{"reason": reason, "message": message, "field": field} for field, reason, message in causes]
    return ApiError(422, f'{qualified(kind, group)} "{name}" is invalid: {text}', details=about)


def bad_request(message: str) -> ApiError:
    """400."""
    return ApiError(400, message)


def expired(message: str, *, meta: Obj | None = None) -> ApiError:
    """410: the asked version is no longer kept."""
    return ApiError(410, message, reason="Expired", meta=meta)


def unauthorized() -> ApiError:
    """401, which says nothing more on purpose."""
    return ApiError(401, "Unauthorized")


def too_large_version(asked: int, current: int) -> ApiError:
    """504 when a client asks for a version this replica has not seen yet."""
    causes = [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}]
    text = f"Timeout: Too large resource version: {asked}, current: {current}"
    return ApiError(504, text, reason="Timeout", details={"causes": causes, "retryAfterSeconds": 1})


def success(details: Obj) -> Obj:
    """The Status that a finished delete answers with."""
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
