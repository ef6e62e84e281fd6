"""Every machine composes trials from the files of the study's first command, and says where its code differs."""

import random
import shutil
import subprocess
import threading

import pytest

from tests.conftest import BIN, REPOSITORY, Commands, lines, wait_for
from tests.e2e.test_changes import APP, CONFIG, NETS, net, project, ran, study, values
from tests.e2e.test_elsewhere import join, start_and_kill

pytestmark = pytest.mark.long

TRUE = [1, 5, 2, 10, 3, 15]


def seeded(commands: Commands, *more: str) -> None:
    """A study that nobody works on yet."""
    line = ["-m", "x=1,2,3", "net=small,wide", "study.name=s", "study.submit=true", "study.report=false", *more]
    result = commands.run("python", "app.py", *line)
    assert result.returncode == 0, result.stderr


def test_a_worker_composes_the_study_s_own_whatever_its_files_say(commands: Commands) -> None:
    project(commands.folder, config=f"{CONFIG}token: mine-0123456789\n")
    seeded(commands)
    (commands.folder / "conf" / "net" / "small.yaml").write_text("scale: 100\n")
    (commands.folder / "conf" / "net" / "wide.yaml").unlink()
    (commands.folder / "conf" / "config.yaml").write_text("defaults: [nothing]\ntoken: mine-0123456789\n")  # no sweeper
    result = join(commands, commands.folder)
    assert result.returncode == 0, result.stderr
    assert values(study(commands).trials()) == TRUE and len(ran(commands)) == 6
    shown = commands.run("sweeps", "show", "s", "--diff", "--storage", "logs/studies").stdout
    assert "--- study/net/wide.yaml\n+++ now/net/wide.yaml\n@@ -1 +0,0 @@\n-scale: 5\n" in shown
    assert "-scale: 1\n+scale: 100\n" in shown and "mine-0123456789" not in shown
    assert "mine-0123456789" not in str(study(commands).sources.all())
    assert "\nsweeps show demo --diff\n" in (REPOSITORY / "docs" / "clusters.md").read_text()  # the line above


def test_a_worker_with_other_code_refuses_in_one_line_unless_that_is_allowed(commands: Commands) -> None:
    project(commands.folder)
    seeded(commands)
    (commands.folder / "app.py").write_text(APP.replace("* cfg.net.scale)", "* cfg.net.scale + 1000)"))
    result = join(commands, commands.folder)
    assert result.returncode == 2 and len(lines(result.stderr)) == 1, result.stderr
    assert "Study 's' runs other code than this machine has" in result.stderr
    assert "study.allow_drift=true" in result.stderr and not (commands.folder / "ran.txt").exists()
    allowed = commands.run("sweeps", "worker", "s", "--allow-drift", "--storage", "logs/studies")
    assert allowed.returncode == 0 and "Warning: the code has changed" in allowed.stderr, allowed.stderr
    assert values(study(commands).trials()) == [value + 1000 for value in TRUE]


def test_a_worker_with_other_versions_refuses_in_one_line(commands: Commands) -> None:
    project(commands.folder)
    seeded(commands)
    provenance = study(commands).facts["provenance"]
    assert provenance["versions"]["omegaconf"]
    study(commands).remember("provenance", {**provenance, "versions": {"omegaconf": "0.1", "absent": "1"}})
    result = join(commands, commands.folder)
    assert result.returncode == 2 and len(lines(result.stderr)) == 1, result.stderr
    assert f"omegaconf 0.1 -> {provenance['versions']['omegaconf']}" in result.stderr and "absent" not in result.stderr


@pytest.mark.slow
def test_a_worker_on_a_machine_with_edited_files_composes_the_study_s_own(
    commands: Commands, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project(commands.folder / "here" / "myapp")
    (commands.folder / "here" / "myapp" / "__init__.py").touch()
    here = Commands(commands.folder / "here")
    here.environment["SWEEPS_STORAGE"] = f"sqlite:///{commands.folder}/s.db"
    start_and_kill(here, "-m", "myapp.app")
    there = tmp_path_factory.mktemp("there") / "copy"
    shutil.move(commands.folder / "here", there)
    (there / "myapp" / "conf" / "net" / "small.yaml").write_text("scale: 100\n")
    result = subprocess.run(
        [str(BIN / "sweeps"), "worker", "s"],
        cwd=there,
        env=here.environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert "scale: 100" not in str(ran(Commands(there))) and "1 100" not in ran(Commands(there))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_files_that_are_edited_in_the_middle_of_20_sweeps_change_no_trial(commands: Commands) -> None:
    """Two workers each: the command, and one that joins while the files are being edited."""
    project(commands.folder)
    seed = random.SystemRandom().randrange(2**32)
    print(f"seed {seed}")
    generator = random.Random(seed)
    for i in range(20):
        for name, content in NETS.items():
            net(commands, name, content)
        line = ["-m", "x=range(12)", "net=small,wide", "sleep=0.2", f"study.name=s{i}", "study.report=false"]
        first = commands.start("python", "app.py", *line)
        marker = commands.folder / "logs" / "studies" / f"s{i}" / "trials"
        wait_for(marker.is_dir, timeout_s=100)
        is_over = threading.Event()

        def edit(is_over: threading.Event = is_over) -> None:
            while not is_over.wait(generator.uniform(0.0, 0.2)):
                net(commands, generator.choice(list(NETS)), f"scale: {generator.randrange(100, 1000)}\n")

        editor = threading.Thread(target=edit)
        editor.start()
        try:
            joined = commands.run("sweeps", "worker", f"s{i}", "--storage", "logs/studies")
            _, err = first.communicate(timeout=200)
        finally:
            is_over.set()
            editor.join()
        assert first.returncode == 0 and joined.returncode == 0, err + joined.stderr
        expected = [float(x * scale) for x in range(12) for scale in (1, 5)]
        assert values(study(commands, f"s{i}").trials()) == expected
