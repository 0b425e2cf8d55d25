"""The C core on a Cortex-M4: compiled without a warning, small, and the same bits on QEMU's."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from native_drive import CORE, DRIVER, SOURCES, WARNINGS, drive
from signals import SPECS, hard_cases

from benchmarks.cortex_m4 import report
from edge.frontend import Frontend

COMPILER = "arm-none-eabi-gcc"
EMULATOR = "qemu-system-arm"
TARGET = ["-mcpu=cortex-m4", "-mthumb"]
BOARD = Path(__file__).parents[3] / "firmware_configs" / "watch" / "qemu"

pytestmark = pytest.mark.skipif(
    shutil.which(COMPILER) is None, reason=f"{COMPILER} is not installed"
)


def test_size():
    """The core compiles without a warning, and fits a watch's memory."""
    lines, _ = report()
    table = re.findall(r"^(\S.*?) {2,}([\d,]+) +[\d,]+$", "\n".join(lines), re.MULTILINE)
    used = {name: int(size.replace(",", "")) for name, size in table}
    assert 3_016 < used["room-16k"] <= 4_096
    assert used["room-16k"] < used["room-16k, wavelet"] < used["room-16k, spectral"] <= 8_192
    assert 8_000 < used["all"] < 16_384  # bytes of code, -Os


@pytest.fixture(scope="module", params=["-Os", "-O2"])
def board(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A command that runs the driver on an emulated board."""
    if shutil.which(EMULATOR) is None:
        pytest.skip(f"{EMULATOR} is not installed")
    program = tmp_path_factory.mktemp("board") / "driver.elf"
    find = [COMPILER, *TARGET, "-print-file-name=rdimon-crt0.o"]
    begin = subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(begin).is_file():
        pytest.skip("newlib for Arm is not installed")
    command = [COMPILER, *TARGET, *WARNINGS, request.param, "--specs=rdimon.specs"]
    command += ["-nostartfiles", f"-I{SOURCES}", DRIVER, *CORE, BOARD / "start.c", begin]
    command += ["-T", BOARD / "mps2_an386.ld", "-o", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    machine = ["-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "none"]
    semihosting = ["-semihosting-config", "enable=on,target=native"]
    return [EMULATOR, *machine, *semihosting, "-kernel", str(program)]


@pytest.mark.parametrize("rate_hz", [None, 11_025])
@pytest.mark.parametrize("name", sorted(set(SPECS) - {"large"}))
def test_same_bits(board: list[str], name: str, rate_hz: int | None):
    """Thumb code on an emulated Cortex-M4 gives the reference's rows of every hard case."""
    spec = SPECS[name]
    rate_hz = rate_hz or spec.rate_hz
    pcm = np.concatenate(list(hard_cases(1_500, 16_000).values()))
    expected = Frontend(spec, rate_hz=rate_hz, backend="reference").push(pcm)
    np.testing.assert_array_equal(drive(board, spec, rate_hz, pcm, 1_111), expected)
