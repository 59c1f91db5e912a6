"""Algorithms that several checks and panes share; one question per file. Pure: no IO, no clock, no log."""
