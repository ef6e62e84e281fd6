"""Statistics of tables and reports: pure functions on numbers, each with its source."""
