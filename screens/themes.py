"""The themes: dark, light, high contrast, colour-blind safe, and none. Meaning never hangs on colour: every status has a word."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="dark",
    primary="#6ea8fe",
    secondary="#b197fc",
    accent="#4dd0e1",
    success="#69db7c",
    warning="#ffc857",
    error="#ff7b72",
    foreground="#e6e6e6",
    background="#14171c",
    surface="#14171c",
    panel="#262c36",
)
LIGHT = Theme(
    name="light",
    primary="#0b57d0",
    secondary="#6b3fa0",
    accent="#00677d",
    success="#1a7431",
    warning="#8a5300",
    error="#b3261e",
    foreground="#1b1b1f",
    background="#fdfcfb",
    surface="#fdfcfb",
    panel="#dfe3ea",
    dark=False,
)
HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#ffffff",
    secondary="#ff99ff",
    accent="#00ffff",
    success="#00ff00",
    warning="#ffff00",
    error="#ff6666",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#303030",
)
COLOUR_BLIND = Theme(
    name="colour-blind",
    primary="#56b4e9",
    secondary="#cc79a7",
    accent="#56b4e9",
    success="#4aa8e0",
    warning="#e69f00",
    error="#d55e00",
    foreground="#f2f2f2",
    background="#101418",
    surface="#101418",
    panel="#28303a",
)
NO_COLOUR = Theme(
    name="no-colour",
    primary="#d0d0d0",
    secondary="#d0d0d0",
    accent="#d0d0d0",
    success="#d0d0d0",
    warning="#d0d0d0",
    error="#d0d0d0",
    foreground="#d0d0d0",
    background="#000000",
    surface="#000000",
    panel="#303030",
)
THEMES: tuple[Theme, ...] = (DARK, LIGHT, HIGH_CONTRAST, COLOUR_BLIND, NO_COLOUR)
NAMES: tuple[str, ...] = tuple(theme.name for theme in THEMES)
