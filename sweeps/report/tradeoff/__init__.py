"""Studies that weigh several tasks against each other: `sweeps weights`."""
