"""What makes a study and its points what they are: application, configuration files, and what these compose to."""
