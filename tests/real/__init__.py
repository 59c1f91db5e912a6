"""Tests against real servers; skipped with the reason where those are not built."""
