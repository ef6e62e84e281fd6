"""What the product costs, measured against a bare loop in the same run: `python -m benchmarks --help`."""
