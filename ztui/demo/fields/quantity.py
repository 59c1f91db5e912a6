"""Quantities as the API server writes them down: `0.5` is stored as `500m`, `1024Mi` as `1Gi`.

Source: apimachinery, pkg/api/resource.
"""

from __future__ import annotations

import re
from fractions import Fraction
from math import ceil, floor

_TEXT = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(Ki|Mi|Gi|Ti|Pi|Ei|[numkMGTPE]|[eE][+-]?\d+)?")
_BINARY = {suffix: 1024**power for power, suffix in enumerate(("", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"))}
_DECIMAL = {suffix: Fraction(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)}


def canonical(text: str) -> str:
    """The canonical form of a quantity; raises ValueError for what is none."""
    found = _TEXT.fullmatch(text)
    if not found:
        raise ValueError("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")
    sign, number, suffix = found[1], found[2], found[3] or ""
    value = Fraction(number.rstrip(".") if number != "." else "0")
    if suffix in _BINARY and suffix:
        value *= _BINARY[suffix]
        if value >= 1024:
            return _signed(sign, _binary(value))
    elif suffix[:1] in ("e", "E") and suffix[1:]:
        return _signed(sign, _exponent(value * Fraction(10) ** int(suffix[1:])))
    else:
        value *= _DECIMAL[suffix]
    return _signed(sign, _decimal(value))


def _signed(sign: str, text: str) -> str:
    return f"-{text}" if sign == "-" and text != "0" else text


def _binary(value: Fraction) -> str:
    whole = ceil(value)
    for suffix, size in reversed(_BINARY.items()):
        if whole % size == 0:
            return f"{whole // size}{suffix}"
    return str(whole)


def _decimal(value: Fraction) -> str:
    for suffix, size in reversed(_DECIMAL.items()):
        if value and (value / size).denominator == 1:
            return f"{value / size}{suffix}"
    return f"{ceil(value / _DECIMAL['n'])}n" if value else "0"


def _exponent(value: Fraction) -> str:
    power = 0
    while value and (value / 1000).denominator == 1:
        value, power = value / 1000, power + 3
    while value.denominator != 1 and power > -9:
        value, power = value * 1000, power - 3
    return f"{floor(value)}e{power}" if power else str(ceil(value))
