"""A study in its database: who holds which point, and how each ended. The only folder that knows Optuna."""
