"""The corpus of hostile texts: what a name, a label or a message may hold, each by the row of the bad-input table it is of."""

from __future__ import annotations

from typing import Final

MARKUP: Final = (
    "[/red]",
    "[bold]x",
    "[link=http://evil.example]x[/link]",
    "[@click=app.quit_now]x[/]",
    "[@click=app.apply('all')]x[/]",
    "$error on $background",
    "a[/oops]b",
)
SEQUENCES: Final = (
    "\x1b[2J\x1b[H",
    "\x1b]0;title\x07",
    "\x1b]8;;http://evil.example\x1b\\x\x1b]8;;\x1b\\",
    "\x1b]52;c;cm0gLXJm\x07",
    "\x1bPq#0\x1b\\",
    "\x1b_apc\x1b\\",
    "\x1b^pm\x1b\\",
    "\x1bXsos\x1b\\",
    "\x1bc",
    "\x1b[6n\x1b[c\x1b[>0q",
    "\x9b31m\x9d0;t\x9c",
    "\x1b[",
    "\x1b]777;notify;a;b",
)
ONE_LINE: Final = ("a\rb", "a\nb", "a\tb", "a\x0bb", "a\x0cb", "a\x85b", "a\u2028b\u2029c", "a\x00b", "a\x7fb", "a\x07\x08b")
UNSEEN: Final = (
    "a\u202eb\u202c",
    "a\u2066b\u2069",
    "a\u200bb\u200dc",
    "a\U000e0041\U000e007fb",
    "a\ufe0fb\ufe0e",
    "\ufeffa",
    "a\u00adb",
    "a\u2060b",
)
LOOK_ALIKE: Final = ("p\u0430yments", "payments ", "\u0440ayments", "\uff50ayments")
WIDE: Final = (
    "e" + "\u0301" * 500,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467",
    "\uff21\uff22\uff23" * 40,
    "\U000fffff",
    "\u0378",
)
SURROGATES: Final = ("a\ud800b", "\udfff", "\ud83d")
SIZES: Final = (" ", "   ", "x" * 253, "y" * 10_000)
CORPUS: Final = (*MARKUP, *SEQUENCES, *ONE_LINE, *UNSEEN, *LOOK_ALIKE, *WIDE, *SURROGATES, *SIZES)
