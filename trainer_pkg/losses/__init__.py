"""Losses of the heads and their weighted total."""
