"""The page of a study: one file that needs no other, no network and no script."""
