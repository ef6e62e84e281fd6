"""Refuses what cannot be trained, before anything is made."""
