"""Tables from the trials of a study."""
