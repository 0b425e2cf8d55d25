"""The device's code on the real ARM wheels, under user-mode emulation: `scripts/arm.py arm64`.

Fetches Debian's Python, and the wheels that a Raspberry Pi gets, into .cache/arm; cross-compiles
the C frontend; runs the device's tests there, then the same audio here and there, and compares
features and scores bit for bit, of every shipped bundle and of networks of other architectures.
Emulated: it proves bits, and says nothing of speed.

Nothing is installed and no root is needed: apt works in folders of its own, with this machine's
sources, which have to be those of Debian 12.
"""

import argparse
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement

HERE = Path(__file__).resolve().parent
REPO = HERE.parent
sys.path.insert(0, str(REPO))

from scripts import arm_networks  # noqa: E402  it is not a part of the installed package

CACHE = REPO / ".cache" / "arm"
DEBIAN_PYTHON = "python3.11"  # Debian 12's, and the newest that tflite-runtime has wheels for
ZIG = "ziglang==0.13.0"  # a C compiler for every target, where Debian's cross compiler is not
# Those tests of the device that are pure computation: a child process would not be emulated, and
# the float oracles of the others (SciPy, PyWavelets) are not a device's.
TESTS = (
    *(f"frontend/test_{name}" for name in ("energy", "extractor", "framer", "resample", "spec")),
    "test_bundle", "test_capture_clock", "test_config", "test_events", "test_messages",
    "test_pipeline",
)  # fmt: skip
# The golden scores come from x86's fast kernels, which now and then round otherwise than ARM's and
# the reference's; the comparison after the tests holds ARM to the reference.
# LiteRT is not on this Python: its wheels for ARM do not start under emulation.
DESELECTED = (
    "test_bundle.py::test_the_device_runtime_gives_the_golden_scores",
    "test_bundle.py::test_litert_gives_the_same_scores",
)
PURE_WHEELS = (
    "paho-mqtt", "soundfile", "typing-extensions", "pycparser", "pytest", "pluggy", "iniconfig",
    "packaging", "pytest-timeout", "hypothesis", "sortedcontainers", "jsonschema",
    "jsonschema-specifications", "referencing", "attrs", "pygments",
)  # fmt: skip


@dataclass(frozen=True)
class Machine:
    """An ARM that is emulated.

    Attributes:
        name: Debian's architecture.
        triple: of its compiler and its folders.
        emulator: the program of qemu-user-static.
        wheel: its word in the name of a wheel.
        binary_wheels: what comes from wheels.
        packages: what comes from Debian instead, since no wheel exists.
    """

    name: str
    triple: str
    emulator: str
    wheel: str
    binary_wheels: tuple[str, ...]
    packages: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Everything of this machine."""
        return CACHE / self.name

    @property
    def root(self) -> Path:
        """Debian's files."""
        return self.folder / "root"


MACHINES = {
    "arm64": Machine(
        "arm64", "aarch64-linux-gnu", "qemu-aarch64-static", "aarch64",
        ("tflite-runtime", "numpy", "cffi", "rpds-py"), ("libsndfile1",),
    ),
    "armhf": Machine(
        "armhf", "arm-linux-gnueabihf", "qemu-arm-static", "armv7l",
        ("tflite-runtime", "rpds-py"), ("libsndfile1", "python3-numpy", "python3-cffi-backend"),
    ),
}  # fmt: skip


def say(words: str) -> None:
    """What is going on, on standard error."""
    print(f"arm: {words}", file=sys.stderr, flush=True)


def must(command: list[str], **options: object) -> str:
    """The output of a command; its last words end the script when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    if done.returncode != 0:
        sys.exit(f"arm: {' '.join(command[:3])} … failed:\n{(done.stderr or done.stdout)[-1500:]}")
    return done.stdout


def fetch_debian(architecture: str, packages: list[str], root: Path) -> None:
    """Unpack Debian packages, with all that they need, below `root`."""
    if shutil.which("apt-get") is None:
        sys.exit("arm: no apt-get here; this needs Debian 12 or a system derived from it")
    state = CACHE / "apt" / architecture
    for folder in ("lists/partial", "cache/archives/partial"):
        (state / folder).mkdir(parents=True, exist_ok=True)
    (state / "status").touch()  # an empty system: everything that is needed gets fetched
    user = must(["id", "-un"]).strip()
    apt = [
        "apt-get", "-qq", "-y",
        "-o", f"Dir::State::lists={state}/lists", "-o", f"Dir::State::status={state}/status",
        "-o", f"Dir::Cache={state}/cache", "-o", f"Dir::Log={state}",
        "-o", "Debug::NoLocking=1", "-o", f"APT::Sandbox::User={user}",
        "-o", "APT::Install-Recommends=0", "-o", "Acquire::Retries=3",
        "-o", f"APT::Architecture={architecture}", "-o", f"APT::Architectures::={architecture}",
    ]  # fmt: skip
    # A mirror in the middle of its own update fails for one list; the packages decide.
    subprocess.run([*apt, "update"], capture_output=True, check=False)
    must([*apt, "--download-only", "install", *packages])
    root.mkdir(parents=True, exist_ok=True)
    for package in sorted((state / "cache" / "archives").glob("*.deb")):
        must(["dpkg-deb", "-x", str(package), str(root)])
    shutil.rmtree(state)


def emulator(machine: Machine) -> str:
    """The program that runs ARM code, installed or fetched."""
    tools = CACHE / "tools"
    found = shutil.which(machine.emulator, path=f"{os.environ['PATH']}:{tools / 'usr/bin'}")
    if found is None:
        say("fetching qemu-user-static")
        fetch_debian(must(["dpkg", "--print-architecture"]).strip(), ["qemu-user-static"], tools)
        found = str(tools / "usr/bin" / machine.emulator)
    return found


def pins(machine: Machine) -> dict[str, str]:
    """Name -> its requirement in the lock, for Debian's Python on the machine."""
    there = {"python_version": "3.11", "python_full_version": "3.11.2"}
    there |= {"platform_machine": machine.wheel, "sys_platform": "linux"}
    lines = (REPO / "requirements.lock").read_text("utf-8").splitlines()
    found = [Requirement(line.rstrip(" \\")) for line in lines if line[:1].isalnum()]
    fitting = [pin for pin in found if pin.marker is None or pin.marker.evaluate(there)]
    return {pin.name: f"{pin.name}{pin.specifier}" for pin in fitting}


def fetch_python(machine: Machine) -> None:
    """Debian's Python and the locked wheels of the machine, once."""
    stamp = machine.folder / "fetched"
    want = f"{machine}{PURE_WHEELS}{(REPO / 'requirements.lock').read_text('utf-8')}"
    if stamp.exists() and stamp.read_text("utf-8") == want:
        return
    shutil.rmtree(machine.folder, ignore_errors=True)
    say(f"fetching Debian's Python for {machine.name} into {machine.root.relative_to(REPO)}")
    packages = [DEBIAN_PYTHON, f"lib{DEBIAN_PYTHON}-dev", "libgomp1", "libstdc++6"]
    fetch_debian(machine.name, [*packages, *machine.packages], machine.root)
    libraries = machine.root / "usr/lib" / machine.triple
    (libraries / "libsndfile.so").symlink_to("libsndfile.so.1")
    say("fetching the wheels")
    locked = pins(machine)
    wheels = machine.folder / "wheels"
    platforms = [f"manylinux_2_{minor}_{machine.wheel}" for minor in (34, 31, 28, 27, 17)]
    platforms += [f"manylinux2014_{machine.wheel}", "any"]
    must([
        sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:",
        "--no-cache-dir", "--disable-pip-version-check", "--python-version", "3.11",
        *(word for platform in platforms for word in ("--platform", platform)),
        "-d", str(wheels),
        *(locked[name] for name in (*machine.binary_wheels, *PURE_WHEELS)),
    ])  # fmt: skip
    for wheel in wheels.glob("*.whl"):
        must([sys.executable, "-m", "zipfile", "-e", str(wheel), str(machine.folder / "site")])
    stamp.write_text(want, "utf-8")


def compiler(machine: Machine) -> list[str]:
    """A cross compiler: Debian's where it is installed, else one from a wheel."""
    found = shutil.which(f"{machine.triple}-gcc")
    if found:
        return [found]
    folder = CACHE / "zig"
    if not folder.exists():
        say(f"fetching {ZIG}, since {machine.triple}-gcc is not installed")
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-cache-dir", "--no-deps"]
        must([*pip, "--disable-pip-version-check", "--target", str(folder), ZIG])
    return [str(folder / "ziglang" / "zig"), "cc", "-target", f"{machine.triple}.2.31"]


def stage(machine: Machine) -> Path:
    """The project as it is, with the C frontend built for the machine."""
    tree = machine.folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    listed = must(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=REPO)
    for name in listed.split("\0"):
        if name and (REPO / name).is_file():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(REPO / name, tree / name)
    native = tree / "edge" / "frontend" / "native"
    include = machine.root / "usr/include"
    command = compiler(machine)
    say(f"building the C frontend with {Path(command[0]).name}")
    zig = {"ZIG_GLOBAL_CACHE_DIR": str(CACHE / "zig-cache")}
    must(
        [
            *command, "-shared", "-fPIC", "-std=c99", "-O3", "-DPy_LIMITED_API=0x030B0000",
            f"-I{include / DEBIAN_PYTHON}", "-idirafter", str(include),
            "-o", str(native / "_core.abi3.so"), *sorted(map(str, native.glob("*.c"))),
        ],
        env={**os.environ, **zig},
    )  # fmt: skip
    return tree


def emulated(machine: Machine, tree: Path) -> tuple[list[str], dict[str, str]]:
    """How to start the ARM Python, and its environment."""
    # Debian's links to these two are made by a package's script, which nobody ran.
    libraries = machine.root / "usr/lib" / machine.triple
    blas = ":".join(str(libraries / name) for name in ("blas", "lapack"))
    command = [
        emulator(machine), "-L", str(machine.root), "-E", f"LD_LIBRARY_PATH={blas}",
        str(machine.root / "usr/bin" / DEBIAN_PYTHON),
    ]  # fmt: skip
    environment = {
        **os.environ,
        "PYTHONHOME": str(machine.root / "usr"),
        "PYTHONPATH": f"{tree}:{machine.folder / 'site'}",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }
    return command, environment


def main() -> None:
    """Fetch, build, test, compare."""
    parser = argparse.ArgumentParser(description="Run the device's code on an emulated ARM.")
    parser.add_argument("machine", choices=MACHINES)
    parser.add_argument("--only-compare", action="store_true", help="leave the test suite out")
    arguments = parser.parse_args()
    machine = MACHINES[arguments.machine]
    fetch_python(machine)
    tree = stage(machine)
    python, environment = emulated(machine, tree)
    if not arguments.only_compare:
        say(f"the device's tests on the emulated {machine.name}; this takes minutes")
        tests = [f"tests/edge/{name}.py" for name in TESTS]
        tests += [f"--deselect=tests/edge/{name}" for name in DESELECTED]
        # Emulated on a busy machine, a test takes what it takes: hypothesis' profile "ci" has no
        # deadlines.
        slowly = ["--hypothesis-profile=ci", "--timeout=1800", "-p", "no:cacheprovider"]
        pytest = [*python, "-m", "pytest", "-q", *slowly, *tests]
        done = subprocess.run(pytest, cwd=tree, env=environment, check=False)
        if done.returncode != 0:
            sys.exit(f"arm: the tests failed on the emulated {machine.name}")
    here, there = machine.folder / "here.npz", machine.folder / "there.npz"
    figures = str(HERE / "arm_figures.py")
    say(f"networks to compare: {', '.join(arm_networks.ARCHITECTURES)}, with drawn weights")
    networks = [str(path) for path in arm_networks.make(CACHE / "networks")]
    say("the same audio here and there")
    must([sys.executable, figures, "compute", str(here), *networks], cwd=REPO)
    must([*python, figures, "compute", str(there), *networks], cwd=tree, env=environment)
    compare = [sys.executable, figures, "compare", str(here), str(there)]
    sys.exit(subprocess.run(compare, cwd=REPO, check=False).returncode)


if __name__ == "__main__":
    main()
