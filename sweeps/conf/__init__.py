"""Configurations that any Hydra application finds: the groups `study` and `tracking`, explained key by key."""
