"""Image networks with any number of heads, trained by Lightning and configured by Hydra."""
