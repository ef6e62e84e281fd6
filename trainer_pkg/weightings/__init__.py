"""Weights of the heads' losses as points of a study."""
