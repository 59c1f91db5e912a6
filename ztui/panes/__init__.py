"""Panes: pure functions from a frame to lines. The console draws them and computes nothing about clusters."""
