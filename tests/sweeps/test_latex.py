"""Tables for papers: what is written, and what a real pdflatex makes of it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from sweeps.report.arranged import Arrangement
from sweeps.report.asked import Asked, Looked, table_of
from sweeps.report.latex import to_latex
from sweeps.report.tables import Column, Marks, Table
from tests.studies import weight_study

ODD = r"""50% of $x_1 & #2 {a} \b ~c ^d <e> |f| "g" ±"""

TABLE = Table(
    columns=(
        Column(title="data", kind="key", values=("a_b", "a_b", "c")),
        Column(title="model.net.lr", kind="key", values=(0.5, 1, "x")),
        Column(title="n", kind="count", values=(3, 2, 3), numbers=(3, 3, 3)),
        Column(
            title="test/acc",
            kind="metric",
            values=(0.95273, 0.9, None),
            spreads=(0.00123, 0.0205, None),
            numbers=(3, 2, 0),
            direction="max",
            marks=Marks(best=frozenset({0}), same=frozenset({1})),
        ),
    ),
    groups=(0, 0, 1),
    caption="50% of it.",
    label="tab:a",
    notes=("n - 1.",),
)


def test_the_table_as_it_is_written() -> None:
    assert to_latex(TABLE).splitlines() == [
        r"% \usepackage{booktabs,graphicx,siunitx}",
        r"\begin{table}[tbp]",
        r"\centering",
        r"\caption{50\% of it.}",
        r"\label{tab:a}",
        r"\smallskip",
        r"\small",
        r"\sisetup{separate-uncertainty=true,detect-all}",
        r"\resizebox{\ifdim\width>\linewidth\linewidth\else\width\fi}{!}{%",
        r"\begin{tabular}{llrr}",
        r"\toprule",
        r"data & lr & n & \shortstack[r]{test/ \\ acc} \\",
        r"\midrule",
        r"a\_b & \num{0.5} & \num{3} & \textbf{\boldmath \num{0.9527 +- 0.0012}} \\",
        r"a\_b & \num{1} & 2/3 & \underline{\num{0.900 +- 0.021}} \\",
        r"\midrule",
        r"c & x & \num{3} & - \\",
        r"\bottomrule",
        r"\end{tabular}}",
        "",
        r"\medskip",
        r"\parbox{\linewidth}{\footnotesize n - 1.}",
        r"\end{table}",
    ]


def compiled(folder: Path, *tables: Table) -> str:
    """What pdflatex says of a document of these tables."""
    if shutil.which("pdflatex") is None:
        pytest.skip(
            "pdflatex is not installed: texlive-latex-recommended and texlive-science of Debian have all it takes"
        )
    for i, table in enumerate(tables):
        (folder / f"t{i}.tex").write_text(to_latex(table))
    body = "\n".join(rf"\input{{t{i}.tex}}" for i in range(len(tables)))
    (folder / "d.tex").write_text(
        rf"\documentclass{{article}}\usepackage{{booktabs,graphicx,siunitx}}\begin{{document}}{body}\end{{document}}"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "d.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0 and (folder / "d.pdf").stat().st_size > 10_000, done.stdout[-3000:]
    return done.stdout


def test_pdflatex_sets_18_rows_and_6_columns_without_an_overfull_box(tmp_path: Path) -> None:
    study = weight_study(tmp_path)
    metrics = ["test/digit_acc", "test/thickness_acc", "test/smoothness_acc", "test/mean_acc"]
    wide = table_of(Looked.at([study]), Asked(metrics=metrics, label="tab:wide"))
    kept = [column for column in wide.columns if column.title in ("model", "model.loss_weights.digit", *metrics)]
    six = Table(columns=tuple(kept), caption=wide.caption, notes=wide.notes)
    cols = Asked(metrics=["test/mean_acc"], arrangement=Arrangement(cols=("model",)))
    assert (six.num_rows, len(six.columns)) == (18, 6)
    told = compiled(tmp_path, wide, six, table_of(Looked.at([study]), cols))
    assert re.findall(r"Overfull.*", told) == []
    assert re.findall(r"siunitx.*(?:error|warning).*|LaTeX Warning.*(?:invalid|unknown).*", told, re.IGNORECASE) == []


def test_pdflatex_sets_any_sign_of_a_key_a_value_a_caption_and_a_note(tmp_path: Path) -> None:
    table = Table(
        columns=(
            Column(title=ODD, kind="key", values=(ODD, "1e-3")),
            Column(title=f"test/{ODD}", kind="metric", values=(1.5e-9, 2e12), spreads=(2e-11, 3e9)),
        ),
        caption=ODD,
        notes=(ODD,),
    )
    assert re.findall(r"^!.*|Missing character.*", compiled(tmp_path, table), re.MULTILINE) == []
