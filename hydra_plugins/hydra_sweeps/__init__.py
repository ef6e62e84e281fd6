"""Where Hydra 1.3 looks for plugins."""
