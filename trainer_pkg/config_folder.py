"""Where the configurations are."""

from pathlib import Path


def config_dir() -> str:
    """Absolute path of the config folder: inside an installed wheel, else at the top of the clone."""
    here = Path(__file__).resolve().parent
    inside = here / "configs"
    return str(inside if inside.is_dir() else here.parent / "configs")
