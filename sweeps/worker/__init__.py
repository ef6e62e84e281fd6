"""Runs trials: claims them, a process for each, and what its end amounts to."""
