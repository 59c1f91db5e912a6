"""The second net: patterns of secrets in free text, for logs, errors, exports and crash reports.

The first net is structural: a secret field has no place in any kind, so it never gets past the door. This one catches what a
server or a library puts into a sentence.
"""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = "<hidden>"

_BASIC_AUTH: Final = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]{1,20}://)[^/\s:@]{1,200}:[^/\s@]{1,200}@", re.IGNORECASE)
_BEARER: Final = re.compile(r"(?P<word>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE)
_NAMED: Final = re.compile(
    r"(?P<name>(?:token|passw(?:or)?d|pwd|secret|client[_-]?secret|refresh[_-]?token|id[_-]?token"
    r"|(?:api|access|account|private|encryption|signing)[_-]?key)"
    r"[\"']?\s*[=:]\s*[\"']?)(?!<hidden>)[^\s\"',;&<]{6,}",
    re.IGNORECASE,
)

# What a text must hold, in folded case, before a pattern is worth a try: every annotation of every pod passes here, and nearly
# none holds a secret. No hint has an i in it: a dotless one matches the patterns and does not fold.
_RULES: Final[tuple[tuple[tuple[str, ...], re.Pattern[str], str], ...]] = (
    (("eyj",), re.compile(r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*)?"), HIDDEN),  # JSON web tokens
    (
        ("-----beg",),
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
        HIDDEN,
    ),
    (("sha256~",), re.compile(r"sha256~[A-Za-z0-9_-]{20,}"), HIDDEN),  # OpenShift OAuth tokens
    (("s.", "b.", "r."), re.compile(r"\b(?:hv[sbr]|s|b|r)\.[A-Za-z0-9_-]{20,}"), HIDDEN),  # Vault and OpenBao tokens
    (("ak", "as"), re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), HIDDEN),  # cloud access keys
    (  # forge tokens
        ("gh", "glpat-", "hub_pat_"),
        re.compile(r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bglpat-[A-Za-z0-9_-]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"),
        HIDDEN,
    ),
    (("xox",), re.compile(r"\bxox[abeprs]-[A-Za-z0-9-]{10,}"), HIDDEN),  # chat tokens
    (("aiza",), re.compile(r"\bAIza[A-Za-z0-9_-]{35}"), HIDDEN),  # cloud API keys
    (("://",), _BASIC_AUTH, rf"\g<scheme>{HIDDEN}@"),
    (("bearer", "bas"), _BEARER, rf"\g<word>{HIDDEN}"),
    (("token", "passw", "pwd", "secret", "key"), _NAMED, rf"\g<name>{HIDDEN}"),
)


def redact(text: str) -> str:
    """Replace everything in ``text`` that looks like a credential by ``<hidden>``."""
    folded = text.casefold()
    for hints, pattern, instead in _RULES:
        if any(hint in folded for hint in hints):
            text = pattern.sub(instead, text)
    return text


def is_secret_of(name: str, value: str) -> bool:
    """Whether a value counts as a credential by the name that it has: of its key, its variable, its header."""
    return redact(f"{name}={value}") != f"{redact(name)}={redact(value)}"


def looks_secret(value: str) -> bool:
    """Whether a whole value (an annotation, say) carries something that a pattern knows."""
    return redact(value) != value
