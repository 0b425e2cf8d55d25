"""The whole monitor as C: features, scores and events of the device's path, on host and board."""

import dataclasses
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks.watch import FLASH_LIMIT, RAM_LIMIT
from benchmarks.watch_build import (
    BOARDS,
    COMPILER,
    EMULATOR,
    Board,
    Heard,
    build,
    build_for,
    differences,
    emulator,
    expected,
    listen,
    memory_bytes,
)
from edge.bundle import Bundle, load_bundle
from edge.frontend import build_tables

SANITIZE = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


@pytest.fixture(scope="module")
def room() -> Bundle:
    """The bundle that ships, with rules of every kind on several labels.

    Its own rule finds too few events in seconds of audio to tell one mistake from another.
    """
    shipped = load_bundle("room")
    (rule,) = shipped.rules
    busy = [
        dataclasses.replace(rule, label=label, open=low, close=low - 5, smooth_steps=smooth,
                            min_steps=1, max_steps=25)
        for label, low, smooth in (("cough", 10, 3), ("speech", -20, 1), ("other", 0, 9))
    ]  # fmt: skip
    odds = dict.fromkeys((each.label for each in busy), shipped.calibration[rule.label])
    return dataclasses.replace(shipped, rules=(rule, *busy), calibration=shipped.calibration | odds)


@pytest.fixture(scope="module")
def on_host(tmp_path_factory) -> Callable[[Bundle, np.ndarray], Heard]:
    """Build the monitor of a bundle with sanitizers and run it here."""

    def run(bundle: Bundle, pcm: np.ndarray) -> Heard:
        folder = tmp_path_factory.mktemp("monitor")
        objects = build(["cc", *SANITIZE], bundle, "listen.c", folder)
        program = folder / "listen"
        subprocess.run(["cc", *SANITIZE, *objects, "-o", program], check=True)
        return listen([program], bundle, pcm)

    return run


@needs_compiler
def test_host(on_host, room: Bundle):
    """No difference in any feature, score or event, nor a step beyond an array or a range."""
    wanted = expected(room, room.golden["pcm"])
    assert len({event[2] for event in wanted.events}) >= 2
    assert len(wanted.events) > 10
    assert differences(on_host(room, room.golden["pcm"]), wanted) == (0, 0, 0)


@needs_compiler
@pytest.mark.parametrize("stages", [{"denoise": "spectral"}, {"denoise": "wavelet"}])
def test_other_frontends(on_host, room: Bundle, stages: dict[str, str]):
    """Tables of every denoiser, band filter, reflection coefficients and energy are written."""
    spec = dataclasses.replace(
        room.spec, **stages, low_cut_hz=80, mel_bands=34, lpc_order=4, energy=True, kept=()
    )
    assert spec.coefficients == room.spec.coefficients
    other = dataclasses.replace(room, spec=spec, tables=build_tables(spec))
    pcm = room.golden["pcm"][:40_000]
    assert differences(on_host(other, pcm), expected(other, pcm)) == (0, 0, 0)


@needs_compiler
@pytest.mark.parametrize("samples", [0, 399, 400, 16_037])
def test_short_recordings(on_host, room: Bundle, samples: int):
    """The last steps and the open events come at the end of a recording of any length."""
    pcm = room.golden["pcm"][32_000 : 32_000 + samples]
    assert differences(on_host(room, pcm), expected(room, pcm)) == (0, 0, 0)


@pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"{COMPILER} is not installed")
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.core)
def test_board(tmp_path: Path, room: Bundle, board: Board):
    """Three seconds on an emulated core differ in nothing; the firmware is within its memory."""
    find = [COMPILER, f"-mcpu={board.cpu}", "-mthumb", "-print-file-name=rdimon-crt0.o"]
    begin = subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(begin).is_file() or shutil.which(EMULATOR) is None:
        pytest.skip(f"newlib for Arm or {EMULATOR} is not installed")
    flash, ram = memory_bytes(board, room, tmp_path / "image")
    assert 60_000 < flash <= FLASH_LIMIT
    assert 8_000 < ram <= RAM_LIMIT
    program = build_for(board, room, "listen.c", "rdimon-", tmp_path / "listen")
    pcm = room.golden["pcm"][24_000:72_000]
    found = listen(emulator(board, program), room, pcm)
    assert differences(found, expected(room, pcm)) == (0, 0, 0)
    assert found.frontend_instructions > 1e6
    assert found.other_instructions > 1e7
