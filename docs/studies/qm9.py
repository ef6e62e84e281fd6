"""Writes QM9 as one file of tensors: `python docs/studies/qm9.py [FILE]`, after `pip install --no-deps qm9pack==1.0.3`.

A molecule is an image: its Coulomb matrix (Rupp 2012, arXiv 1109.2618), atoms in order of the norm of their rows.
"""

import json
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from trainer_pkg.data.source import Columns
from trainer_pkg.data.tensors import write
from trainer_pkg.spec import Continuous, DataSpec

CHARGES = {"H": 1, "C": 6, "N": 7, "O": 8, "F": 9}
NUM_ATOMS = 29  # of the largest molecule
LARGEST = 0.5 * CHARGES["F"] ** 2.4  # no entry of a Coulomb matrix is larger here
EV = 27.211386245988  # electronvolts in one hartree
HEADS = {
    "mu": ("Dipole_debye", 1.0),
    "alpha": ("Polarizability_bohr3", 1.0),
    "gap": ("HOMO_LUMO_gap_au", EV),
    "cv": ("Heatcapacity_Cv_cal_mol_K", 1.0),
}
"""Head to its column and the factor to its unit: debye, cubic bohr, electronvolt, cal / (mol K)."""
NUM_TRAIN, NUM_TEST, SEED = 20_000, 10_000, 0


def main(path: Path) -> None:
    """Draw the molecules of both splits, and write them."""
    table = molecules(folder())
    order = np.random.default_rng(SEED).permutation(len(table))
    rows = {"test": order[:NUM_TEST], "train": order[NUM_TEST : NUM_TEST + NUM_TRAIN]}
    targets = {head: _range(table[column].to_numpy() * factor) for head, (column, factor) in HEADS.items()}
    spec = DataSpec(input_shape=(1, NUM_ATOMS, NUM_ATOMS), targets=dict(targets))
    path.parent.mkdir(parents=True, exist_ok=True)
    write(path, spec, {split: columns(table.iloc[chosen]) for split, chosen in rows.items()})
    print(f"{path}: {NUM_TRAIN:,} and {NUM_TEST:,} of {len(table):,} molecules")


def folder() -> Path:
    """Where the package keeps its files. Its own reader needs a part of setuptools that is no longer there."""
    found = find_spec("qm9pack")
    if found is None or found.origin is None:
        raise SystemExit("QM9 is a package of its own: pip install --no-deps qm9pack==1.0.3")
    return Path(found.origin).parent / "data"


def molecules(data: Path) -> pd.DataFrame:
    """One row per molecule, in the order of the package."""
    wanted = ["Elements", "XYZ_Ang", *(column for column, _ in HEADS.values())]
    parts = [pd.read_csv(data / f"qm9_part{part}.csv", usecols=wanted) for part in (1, 2, 3)]
    return pd.concat(parts, ignore_index=True)


def columns(table: pd.DataFrame) -> Columns:
    """Images (N, 1, 29, 29) and labels (N,)."""
    pairs = zip(table["Elements"], table["XYZ_Ang"], strict=True)
    images = [coulomb_matrix(json.loads(elements.replace("'", '"')), places(text)) for elements, text in pairs]
    labels = {head: table[column].to_numpy() * factor for head, (column, factor) in HEADS.items()}
    numbers = {head: torch.tensor(values, dtype=torch.float32) for head, values in labels.items()}
    return {"image": torch.from_numpy(np.stack(images))[:, None], **numbers}


def places(text: str) -> NDArray[np.float64]:
    """Coordinates (A, 3) in angstrom. Some numbers end in a point, which JSON does not take."""
    return np.array(text.strip("[]").replace("],[", ",").split(","), dtype=np.float64).reshape(-1, 3)


def coulomb_matrix(elements: list[str], xyz: NDArray[np.float64]) -> NDArray[np.uint8]:
    """The matrix (29, 29), its logarithm in 256 steps: 0 where there is no atom, 255 for fluorine itself."""
    charges = np.array([CHARGES[element] for element in elements], dtype=np.float64)
    apart = np.linalg.norm(xyz[:, None] - xyz[None], axis=-1)
    np.fill_diagonal(apart, 1.0)
    matrix = np.outer(charges, charges) / apart
    np.fill_diagonal(matrix, 0.5 * charges**2.4)
    order = np.argsort(-np.linalg.norm(matrix, axis=1), kind="stable")
    image = np.zeros((NUM_ATOMS, NUM_ATOMS))
    image[: len(charges), : len(charges)] = matrix[np.ix_(order, order)]
    return np.round(255 * np.log1p(image) / np.log1p(LARGEST)).astype(np.uint8)


def _range(values: NDArray[np.float64]) -> Continuous:
    """From the lowest to the highest value, as the labels have them."""
    single = values.astype(np.float32)
    return Continuous(low=float(single.min()), high=float(single.max()))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "data/qm9.pt"))
