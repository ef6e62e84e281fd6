import pytest

from sweeps.report.headings import Origin, headings


def test_a_name_without_a_namesake_stays_as_it_is() -> None:
    assert headings([("study", "n"), ("key", "model"), ("metric", "test/acc")]) == ["n", "model", "test/acc"]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ([("metric", "loss"), ("key", "loss")], ["metric/loss", "loss"]),
        ([("study", "n"), ("key", "n"), ("metric", "n")], ["study/n", "n", "metric/n"]),
        ([("metric", "n"), ("study", "n")], ["metric/n", "n"]),
        ([("metric", "a"), ("objective", "a"), ("key", "a")], ["metric/a", "objective/a", "a"]),
        ([("metric", "a"), ("key", "a"), ("key", "metric/a")], ["metric/metric/a", "a", "metric/a"]),
    ],
)
def test_an_axis_keeps_its_name_and_its_namesakes_say_where_they_are_from(
    columns: list[tuple[Origin, str]], expected: list[str]
) -> None:
    assert headings(columns) == expected
