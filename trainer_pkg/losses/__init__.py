"""Losses of the heads, and how they become one number."""
