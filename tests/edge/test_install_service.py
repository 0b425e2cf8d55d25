"""Installing the service: into a folder that stands for a system, and with the one command."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from edge.cli import main
from edge.commands.service_files import boards, node_name
from edge.config import load_settings

ROOT = Path(__file__).parents[2]
WHEELS = ROOT / ".cache" / "wheels"  # kept by scripts/prepare.sh
PROGRAM = "/opt/airway/bin/airway"
UNIT = "etc/systemd/system/airway.service"
LINK = "etc/systemd/system/multi-user.target.wants/airway.service"
CONFIG = "etc/airway/config.toml"


def install(root: Path, *more: str) -> int:
    """Run the command for a program in the usual place."""
    return main(["install-service", "--root", str(root), "--program", PROGRAM, *more])


def tree(root: Path) -> dict[str, str]:
    """Every file and link below a folder, with its content or target."""
    return {
        str(path.relative_to(root)): str(path.readlink()) if path.is_symlink() else path.read_text()
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def test_it_installs_unit_link_and_configuration(tmp_path, capsys):
    """The unit is enabled and runs the program; the configuration is valid and names the node."""
    assert install(tmp_path, "--node", "nursery", "--board", "raspberry-pi-4") == 0
    assert set(tree(tmp_path)) == {UNIT, LINK, CONFIG}
    assert f"ExecStart={PROGRAM} run" in (tmp_path / UNIT).read_text()
    assert str((tmp_path / LINK).readlink()) == f"/{UNIT}"
    assert load_settings(tmp_path / CONFIG).node == "nursery"
    assert "set the microphone" in capsys.readouterr().out


def test_the_second_time_changes_nothing(tmp_path, capsys):
    """An edited configuration survives, an edited unit does not, and all else is kept."""
    install(tmp_path, "--node", "nursery")
    config = tmp_path / CONFIG
    config.write_text(config.read_text().replace('host = "localhost"', 'host = "broker"'))
    before = tree(tmp_path)
    capsys.readouterr()
    install(tmp_path, "--node", "other")
    assert tree(tmp_path) == before
    assert capsys.readouterr().out.count("kept") == 3
    (tmp_path / UNIT).write_text("[Service]\n")
    install(tmp_path)
    assert tree(tmp_path) == before


def test_another_program_is_in_the_unit(tmp_path):
    """The unit runs the airway that installed it."""
    main(["install-service", "--root", str(tmp_path), "--program", "/srv/airway/bin/airway"])
    text = (tmp_path / UNIT).read_text()
    assert "ExecStart=/srv/airway/bin/airway run" in text
    assert "/opt/airway/bin" not in text


def test_a_dry_run_writes_nothing(tmp_path, capsys):
    """Each action is named, and none is done."""
    assert install(tmp_path, "--dry-run", "--coral") == 0
    said = capsys.readouterr().out
    assert tree(tmp_path) == {}
    for path in (UNIT, CONFIG, LINK, "60-airway-coral.rules", "coral.conf"):
        assert re.search(rf"would (write|link) .*{path}", said)


def test_every_folder_lets_the_service_in(tmp_path):
    """Under a umask that shuts others out, the service's own user still reads what it needs."""
    before = os.umask(0o077)
    try:
        install(tmp_path)
    finally:
        os.umask(before)
    for path in tmp_path.rglob("*"):
        if not path.is_symlink():
            assert path.stat().st_mode & 0o055 == (0o055 if path.is_dir() else 0o044)


def test_uninstalling_keeps_the_history_and_purging_does_not(tmp_path, capsys):
    """Configuration and state survive an uninstallation; --purge removes them, too."""
    state = tmp_path / "var/lib/airway/airway.db"
    state.parent.mkdir(parents=True)
    state.write_text("history")
    install(tmp_path, "--coral")
    assert install(tmp_path, "--uninstall") == 0
    assert set(tree(tmp_path)) == {CONFIG, "var/lib/airway/airway.db"}
    assert install(tmp_path, "--uninstall", "--purge") == 0
    assert tree(tmp_path) == {}
    assert install(tmp_path, "--uninstall", "--purge") == 0


def test_uninstalling_keeps_what_others_changed(tmp_path, capsys):
    """A drop-in of `systemctl edit` stays; without one the folder goes."""
    install(tmp_path, "--coral")
    mine = tmp_path / f"{UNIT}.d/override.conf"
    mine.write_text("[Service]\nIPAddressAllow=203.0.113.7\n")
    assert install(tmp_path, "--uninstall") == 0
    assert set(tree(tmp_path)) == {CONFIG, f"{UNIT}.d/override.conf"}
    assert "which holds files of others" in capsys.readouterr().out
    mine.unlink()
    assert install(tmp_path, "--uninstall") == 0
    assert not mine.parent.exists()


def test_uninstalling_takes_the_pages_service_along(tmp_path):
    """Nothing of Airway is started again where its program is gone."""
    install(tmp_path)
    unit = tmp_path / UNIT
    pages = unit.with_name("airway-web.service")
    pages.write_text("[Service]")
    (unit.parent / "multi-user.target.wants" / pages.name).symlink_to(pages)
    assert install(tmp_path, "--uninstall", "--purge") == 0
    assert tree(tmp_path) == {}


def test_purging_after_an_uninstallation_removes_the_history(tmp_path):
    """With the program gone, the script itself removes what is left, and says so."""
    script = ROOT / "firmware_configs" / "install.sh"
    history = tmp_path / "var/lib/airway/airway.db"
    history.parent.mkdir(parents=True)
    history.write_text("history")

    def uninstalled(*options: str) -> str:
        return subprocess.run(
            [script, "--root", tmp_path, "--uninstall", *options],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip

    uninstalled()
    assert history.exists()
    assert str(history.parent) in uninstalled("--purge")
    assert not history.parent.exists()


def test_what_can_not_work_is_refused(tmp_path, capsys):
    """A board that does not exist, a program that the service can't see, a node that is no word."""
    home = ["install-service", "--root", str(tmp_path), "--program", "/home/" + "eve/airway"]
    assert install(tmp_path, "--board", "raspbery-pi-4") == 64
    assert "there are: coral-dev-board" in capsys.readouterr().err
    assert main(home) == 78
    assert "/opt/airway" in capsys.readouterr().err
    assert install(tmp_path, "--node", "bed/room") == 64
    for program in ("bin/airway", "/opt/my airway/bin/airway"):
        assert main(["install-service", "--root", str(tmp_path), "--program", program]) == 64
        assert "give --program in full" in capsys.readouterr().err
    assert install(tmp_path, "--purge") == 64
    assert tree(tmp_path) == {}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_missing_right_names_the_remedy(tmp_path, capsys):
    """Without the right to write, the sentence says sudo."""
    tmp_path.chmod(0o500)
    assert install(tmp_path) == 74
    assert "use sudo" in capsys.readouterr().err


def test_a_file_in_the_way_is_one_sentence(tmp_path, capsys):
    """An etc that is no folder is told with its path, exit code 74."""
    (tmp_path / "etc").write_text("")
    assert install(tmp_path) == 74
    assert "can't write" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("host", "node"),
    [("bedroom", "bedroom"), ("pi.local", "pi"), ("küche 1", "k-che-1"), ("", "airway")],
)
def test_a_host_becomes_a_node(host, node):
    """A host's name turns into one level of a topic."""
    assert node_name(host) == node


def test_every_board_ships():
    """The package's boards are those of firmware_configs, each the same file."""
    folder = ROOT / "firmware_configs" / "boards"
    assert boards() == sorted(path.stem for path in folder.glob("*.toml"))
    for path in folder.glob("*.toml"):
        assert (ROOT / "edge/data/boards" / path.name).resolve() == path


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_systemd_accepts_what_was_installed(tmp_path):
    """`systemd-analyze verify` finds nothing in the installed unit with its Coral drop-in."""
    install(tmp_path, "--coral")
    for name in (UNIT, f"{UNIT}.d/coral.conf"):
        text = (tmp_path / name).read_text().replace(PROGRAM, "/bin/true")
        (tmp_path / name).write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", tmp_path / UNIT],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "airway.service" not in done.stderr


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="needs shellcheck")
def test_the_installer_is_clean_shell():
    """Shellcheck has nothing to say about install.sh."""
    done = subprocess.run(
        ["shellcheck", ROOT / "firmware_configs/install.sh"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


@pytest.mark.slow
@pytest.mark.timeout(1500)  # two installations with all that they need
@pytest.mark.skipif(shutil.which("dpkg") is None, reason="needs Debian")
def test_one_command_installs_upgrades_and_removes(tmp_path):
    """install.sh into a folder: the program runs, again upgrades, and --uninstall leaves the rest.

    Without the microphone's part, whose PyAudio needs PortAudio's headers to be built.
    """
    root = tmp_path / "root"
    pip = {"PIP_NO_CACHE_DIR": "1"}
    if WHEELS.is_dir():
        pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(WHEELS)}
    path = f"{Path(sys.executable).resolve().parent}:{os.environ['PATH']}"
    script = ROOT / "firmware_configs" / "install.sh"
    node = ["--node", "bedroom"]

    def run(*more: str) -> str:
        done = subprocess.run(
            [script, "--root", root, "--extras", "", *more],
            env={**os.environ, **pip, "PATH": path}, cwd=tmp_path,
            capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "golden features equal    True" in run(*node)
    assert load_settings(root / CONFIG).node == "bedroom"
    before = tree(root / "etc")
    for rehearsal in (["--dry-run"], ["--uninstall", "--dry-run"]):
        assert "would" in run(*rehearsal)
        assert (root / "opt/airway/bin/airway").is_file()
    assert "kept" in run(*node)
    assert tree(root / "etc") == before
    run("--uninstall")
    assert not (root / "opt/airway").exists()
    assert set(tree(root)) == {CONFIG}
