import pytest

from sweeps.tracking.run_names import rounded, run_name


@pytest.mark.parametrize(
    ("number", "values", "name"),
    [
        (8, ["cnn", "0.5", "s0"], "008 cnn 0.5 s0"),
        (8, [], "008"),
        (12, ["efficientnet", "0.001", "s10"], "012 efficie… 0.001 s10"),
        (0, ["a_very_long_option_of_a_group"], "000 a_very_long_optio…"),
        (3, ["0.1", "0.2", "0.3", "0.4", "0.5", "0.6"], "003 0.1 0.2 0.3 0.4 0…"),
    ],
)
def test_a_name_fits_the_column(number: int, values: list[str], name: str) -> None:
    assert run_name(number, values) == name and len(name) <= 22


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0.123456789", "0.123"),
        ("1e-05", "1e-05"),
        ("64", "64"),
        ("runs/best/x.ckpt", "x.ckpt"),
        ("true", "true"),
        ("'<i>x</i>'", "<i>x</i>"),
        ("'[x](http://e.vil)'", "[x](http://e.vil)"),
        ("'a/b.pt'", "b.pt"),
    ],
)
def test_a_value_is_short(text: str, shown: str) -> None:
    assert rounded("model.lr", text) == shown
