"""Reusable parts of the console: plain values in, messages out."""
