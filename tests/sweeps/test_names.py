"""Every name that a trial may give to a metric has one on the server, and no two names have the same."""

import posixpath
import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sweeps.tracking.names import LONGEST, ORIGINAL, fitting, shortened, storable

HARD = [
    "val//acc",
    "/val/acc",
    "a/../b",
    "a/./b",
    "x/",
    "",
    ".",
    "..",
    "../x",
    "mAP@50",
    "acc (top-5)",
    "F1[macro]",
    "é",
]


def is_taken_by_mlflow(name: str) -> bool:
    norm = posixpath.normpath(name)
    is_path = norm == name and norm != "." and not norm.startswith(("..", "/"))
    return bool(re.fullmatch(r"[/\w.\- :]*", name, re.ASCII)) and is_path and len(name) <= 250


@pytest.mark.parametrize("name", ["loss", "val/acc", "a b:c-d_e.f", "x" * 250, ".hidden", "a/..b"])
def test_a_name_that_fits_stays(name: str) -> None:
    assert fitting(name) == name


@pytest.mark.parametrize("name", [*HARD, "n" * 251, "n" * 300, "x\n", "a\x00b", "\ud800"])
def test_a_name_that_does_not_fit_is_made_to(name: str) -> None:
    made = fitting(name)
    assert made != name and is_taken_by_mlflow(made) and is_taken_by_mlflow(ORIGINAL + made)
    assert re.search(r"-[0-9a-f]{10}$", made)


def test_names_that_clean_alike_stay_apart() -> None:
    alike = ["mAP@50", "mAP_50", "mAP#50", "mAP(50", "n" * 260, "n" * 261, "val//acc", "val/_/acc", "/x", "_/x"]
    assert len({fitting(name) for name in alike}) == len(alike)
    # A name that looks like one of ours is not taken for it.
    assert fitting(fitting("mAP@50")) != fitting("mAP@50")


@given(st.lists(st.text(alphabet=st.sampled_from("ab/._@ é-0123456789"), max_size=12), unique=True, max_size=30))
def test_any_names_stay_apart_and_are_taken(names: list[str]) -> None:
    made = [fitting(name) for name in names]
    assert len(set(made)) == len(names) and all(map(is_taken_by_mlflow, made))


def test_infinities_are_the_largest_numbers() -> None:
    assert (storable(float("inf")), storable(float("-inf")), storable(0.5)) == (
        sys.float_info.max,
        -sys.float_info.max,
        0.5,
    )


def test_a_long_text_is_cut_where_a_tag_ends() -> None:
    assert shortened("x" * LONGEST) == "x" * LONGEST
    assert len(shortened("x" * 20_000)) == LONGEST and shortened("x" * 20_000).endswith("x… (20000 characters)")
