"""Options of a Lightning trainer that trains on the CPU and writes and prints nothing of its own."""

from typing import Any

QUIET: dict[str, Any] = {
    "accelerator": "cpu",
    "enable_checkpointing": False,
    "enable_progress_bar": False,
    "enable_model_summary": False,
}
