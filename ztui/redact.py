"""The second net: patterns of secrets in free text, for logs, errors, exports and crash reports.

The first net is structural: a secret field has no place in any kind, so it never gets past the door. This one catches what a
server or a library puts into a sentence.
"""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "<hidden>"

_PATTERNS: Final = (
    re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"),  # JSON web tokens
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
    re.compile(r"sha256~[A-Za-z0-9_-]{20,}"),  # OpenShift OAuth tokens
    re.compile(r"\b(?:hv[sbr]|s|b|r)\.[A-Za-z0-9_-]{20,}"),  # Vault and OpenBao tokens
    re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"),  # cloud access keys
    re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bglpat-[A-Za-z0-9_-]{20,}"),  # forge tokens
)
_BASIC_AUTH: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{1,20}://)[^/\s:@]{1,200}:[^/\s@]{1,200}@", re.IGNORECASE)
_BEARER: Final = re.compile(r"(?P<word>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_NAMED: Final = re.compile(
    r"(?P<name>(?:token|passw(?:or)?d|secret|api[_-]?key|client[_-]?secret|refresh[_-]?token|id[_-]?token)"
    r"[\"']?\s*[=:]\s*[\"']?)(?!<hidden>)[^\s\"',;&<]{6,}",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Replace everything in ``text`` that looks like a credential by ``<hidden>``."""
    for pattern in _PATTERNS:
        text = pattern.sub(HIDDEN, text)
    text = _BASIC_AUTH.sub(rf"\g<scheme>{HIDDEN}@", text)
    text = _BEARER.sub(rf"\g<word>{HIDDEN}", text)
    return _NAMED.sub(rf"\g<name>{HIDDEN}", text)


def looks_secret(value: str) -> bool:
    """Whether a whole value (an annotation, say) carries something that a pattern knows."""
    return redact(value) != value
