"""MLflow as a view of studies: it can be made again from what a study and its trials have kept."""
