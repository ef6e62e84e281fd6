"""Pictures of plain numbers, one module per kind: one drawing for the page and for a paper."""
