"""What a trial is to itself: the handle its task sees, and the files in its directory."""
