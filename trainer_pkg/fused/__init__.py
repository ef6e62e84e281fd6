"""Trials of a study that train together in one process, as one stacked network."""
