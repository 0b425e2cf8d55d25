"""What a clone and an installation hold: the lean install, the lock, imports, project text."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
WHEELS = ROOT / ".cache" / "wheels"  # kept by scripts/prepare.sh
LOCK = ROOT / "requirements.lock"

TOOLS = {"pip", "setuptools"}  # what a new environment may hold before anything is installed
DEVICE = {"airway-edge", "cffi", "numpy", "paho-mqtt", "pycparser", "soundfile"}
DEVICE |= {"typing-extensions"}  # of soundfile
RUNTIME = (
    {"tflite-runtime"}
    if sys.version_info < (3, 12)
    else {"ai-edge-litert", "backports-strenum", "flatbuffers", "ml-dtypes", "protobuf", "tqdm"}
)


def _project_files() -> list[Path]:
    """What a commit of the working tree would hold."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"not a git checkout: {error}")
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return sorted(path for path in paths if path.is_file())


def _texts() -> Iterator[tuple[Path, str]]:
    """Every text file of the project; what is not UTF-8 is data."""
    for path in _project_files():
        try:
            yield path, path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def _pins() -> list[Requirement]:
    lines = LOCK.read_text(encoding="utf-8").splitlines()
    return [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum()]


@pytest.fixture(scope="module")
def lean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the project, installed without any extra from a clean tree."""
    folder = tmp_path_factory.mktemp("lean")
    for path in _project_files():
        copy = folder / "source" / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(map(str, _pins())), encoding="utf-8")
    subprocess.run([sys.executable, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--find-links", WHEELS] if WHEELS.is_dir() else ["--no-cache-dir"]
    install = [*pip, "install", *offline, "-c", constraints, folder / "source"]
    done = subprocess.run(install, capture_output=True, text=True, check=False, cwd=folder)
    assert done.returncode == 0, done.stderr
    return folder


def _python(lean: Path, program: str) -> str:
    """What a program prints in the lean environment, away from the checkout."""
    command = [lean / "venv" / "bin" / "python", "-I", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=lean)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_lean_install_is_exactly_this_small(lean: Path) -> None:
    """A device gets these distributions and no other."""
    program = "import importlib.metadata as m; print(*(d.name for d in m.distributions()))"
    installed = {canonicalize_name(name) for name in _python(lean, program).split()}
    assert installed - TOOLS == DEVICE | RUNTIME


@pytest.mark.slow
def test_the_lean_install_boots(lean: Path) -> None:
    """The command answers, with every subcommand of the contract's device side in its help."""
    airway = lean / "venv" / "bin" / "airway"
    done = subprocess.run([airway, "--help"], capture_output=True, text=True, check=False, cwd=lean)
    assert done.returncode == 0, done.stderr
    for name in ("run", "replay", "features", "check-config", "model", "doctor"):
        assert name in done.stdout


@pytest.mark.slow
def test_the_lean_install_imports_nothing_of_the_workstation(lean: Path) -> None:
    """Every module of `edge` imports, and brings only what a device has."""
    program = (
        "import importlib, json, pkgutil, sys, edge\n"
        "for module in pkgutil.walk_packages(edge.__path__, 'edge.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "assert 'site-packages' in edge.__file__, edge.__file__\n"
        "print(json.dumps(sorted({name.split('.')[0] for name in sys.modules})))"
    )
    loaded = set(json.loads(_python(lean, program)))
    assert {"edge", "numpy", "paho", "soundfile"} <= loaded
    workstation = {"tensorflow", "keras", "scipy", "librosa", "sklearn", "matplotlib"}
    assert not loaded & (workstation | {"train_export"})


@pytest.mark.slow
def test_the_lean_install_has_every_data_file(lean: Path) -> None:
    """Models, schemas and marker files are in the package, byte for byte."""
    installed = Path(_python(lean, "import edge; print(edge.__file__)").strip()).parent
    code = {".py", ".c", ".h"}
    data = [path for path in _project_files() if path.is_relative_to(ROOT / "edge")]
    data = [path for path in data if path.suffix not in code and path.name != ".gitignore"]
    assert ROOT / "edge" / "py.typed" in data
    for path in data:
        copy = installed / path.relative_to(ROOT / "edge")
        assert copy.is_file(), f"{path.relative_to(ROOT)} is not in the package"
        assert copy.read_bytes() == path.read_bytes()


def test_imports_run_one_way() -> None:
    """The contracts of import-linter hold."""
    program = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=ROOT
    )
    assert done.returncode == 0, done.stdout


def test_no_text_names_a_machine() -> None:
    """No path of anybody's machine stands in the project, nor that of this checkout."""
    folders = "|".join(("work", "root", "home", "tmp", "Users", "mnt"))
    machine = re.compile(rf"(?<![\w.~*$}}\-/<])/(?:{folders})/\w")
    ignored = ROOT / ".gitignore"  # a leading slash there is the checkout's own
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path, text in _texts()
        if path != ignored
        for number, line in enumerate(text.splitlines(), 1)
        if machine.search(line) or str(ROOT) in line
    ]
    assert found == []


def test_the_lock_has_hashes_and_no_address() -> None:
    """Every pin has a hash; where it comes from is the installer's business."""
    text = LOCK.read_text(encoding="utf-8")
    blocks = re.findall(r"^[a-z0-9].*(?:\n    .*)*", text, flags=re.MULTILINE)
    assert len(blocks) == len(_pins()) > 50
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text


def test_the_lock_fits_the_project() -> None:
    """Each dependency, of the device and of development, is pinned within its range."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["dev"]]
    for extra in ("litert", "report", "train", "web"):
        wanted += extras[extra]
    pins = {
        canonicalize_name(pin.name): str(pin.specifier).removeprefix("==")
        for pin in _pins()
        if pin.marker is None or pin.marker.evaluate()
    }
    for requirement in map(Requirement, wanted):
        name = canonicalize_name(requirement.name)
        if name == "airway-edge" or (requirement.marker and not requirement.marker.evaluate()):
            continue
        assert name in pins, f"{requirement} is not locked; run make lock"
        assert requirement.specifier.contains(pins[name]), f"{requirement}, locked {pins[name]}"


def test_the_help_names_every_target() -> None:
    """`make help` lists what the Makefile declares."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.search(r"^\.PHONY: (.*)$", makefile, flags=re.MULTILINE)
    assert targets is not None
    done = subprocess.run(
        ["make", "--no-print-directory", "help"],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
    )
    listed = [line.split()[0] for line in done.stdout.splitlines()]
    assert sorted(listed) == sorted(targets[1].split())


def test_an_old_python_is_refused_in_one_sentence(tmp_path: Path) -> None:
    """Set-up with a Python below 3.11 says so, and what to do."""
    old = tmp_path / "python3"
    old.write_text(
        '#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit\n'
        'case "$2" in *"version_info <"*) exit 1 ;; esac\necho 3.9.2\n'
    )
    old.chmod(0o755)
    clone = tmp_path / "clone"
    for name in ("scripts/prepare.sh", "pyproject.toml", "requirements.lock", "edge/__init__.py"):
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_bytes((ROOT / name).read_bytes())
    (clone / ".cache/tools/bin").mkdir(parents=True)
    for tool in ("mosquitto", "mosquitto_passwd"):
        (clone / ".cache/tools/bin" / tool).symlink_to("/bin/true")  # no need to fetch one
    done = subprocess.run(
        ["bash", clone / "scripts/prepare.sh", "run"],
        env={"PATH": "/usr/bin:/bin", "PYTHON": str(old)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 69
    assert len(done.stderr.splitlines()) == 1
    assert "Python 3.9.2" in done.stderr
    assert "3.11 or later" in done.stderr
    assert not (clone / ".venv-run").exists()
