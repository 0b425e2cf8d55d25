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
    CORE,
    EMULATOR,
    Board,
    Heard,
    build_for,
    compiled,
    compiled_bundle,
    differences,
    emulator,
    expected,
    listen,
)
from edge.bundle import Bundle, load_bundle
from edge.card import EventRule, GateRule
from edge.frontend import build_tables
from scripts.arm_figures import ReferenceKernels

SANITIZE = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]

needs_compiler = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


@pytest.fixture(scope="module")
def room() -> Bundle:
    """The bundle that ships, with rules of every kind on several labels and without a gate.

    Its own rule finds too few events in seconds of audio to tell one mistake from another.
    """
    shipped = load_bundle("room")
    (rule,) = shipped.rules
    busy = []
    for label, smooth, rival in (("cough", 3, "breath"), ("speech", 1, ""), ("other", 9, "cough")):
        # Steps beyond a quantile are events, whatever the model makes of the golden audio.
        close, opened = (_quantile(shipped, label, share) for share in (0.6, 0.75))
        excluded = {"rival": rival, "rival_open": _quantile(shipped, rival or label, 0.9)}
        busy.append(
            EventRule(
                label=label, open=opened, close=close, smooth_steps=smooth, max_steps=25, **excluded
            )
        )  # fmt: skip
    odds = dict.fromkeys((each.label for each in busy), shipped.calibration[rule.label])
    return dataclasses.replace(
        shipped, rules=(rule, *busy), calibration=shipped.calibration | odds, gate=None
    )


def _quantile(bundle: Bundle, label: str, share: float) -> int:
    logits = bundle.golden["logits"][:, bundle.labels.index(label)]
    return int(np.quantile(logits, share, method="nearest"))


@pytest.fixture(scope="module")
def gated(room: Bundle) -> Bundle:
    """The same behind a gate that shuts soon."""
    return dataclasses.replace(room, gate=GateRule(rise_q7=160, hold_steps=6, settle_steps=5))


def half_quiet(bundle: Bundle) -> np.ndarray:
    """The golden audio with two stretches of soft hiss in it."""
    pcm = bundle.golden["pcm"].copy()
    hiss = np.random.default_rng(0).normal(0, 3, 48_000).round().astype(np.int16)
    pcm[10_000:58_000] = hiss
    pcm[100_000:148_000] = hiss
    return pcm


@pytest.fixture(scope="module")
def on_host(tmp_path_factory) -> Callable[[Bundle, np.ndarray], Heard]:
    """Build the monitor of a bundle with sanitizers and run it here."""
    compiler = ["cc", *SANITIZE]
    folder = tmp_path_factory.mktemp("monitor")
    core = compiled(compiler, CORE, folder)

    def run(bundle: Bundle, pcm: np.ndarray) -> Heard:
        objects = compiled_bundle(compiler, bundle, "listen.c", folder)
        program = folder / "listen"
        subprocess.run([*compiler, *core, *objects, "-o", program], check=True)
        return listen([program], bundle, pcm)

    return run


@needs_compiler
def test_host(on_host, room: Bundle):
    """No difference in any feature, score or event, nor a step beyond an array or a range."""
    wanted = expected(room, room.golden["pcm"])
    assert len({event[2] for event in wanted.events}) >= 2
    assert len(wanted.events) >= 5
    assert differences(on_host(room, room.golden["pcm"]), wanted) == (0, 0, 0)


@needs_compiler
def test_other_kernels(tmp_path: Path, room: Bundle):
    """Kernels linked in place of airway_kernels.c run the monitor, to TensorFlow Lite's reference.

    The built-in kernels' rounding would show: it moves a score of this audio.
    """
    compiler, other = ["cc", *SANITIZE], Path(__file__).with_name("other_kernels.c")
    sources = [path for path in CORE if path.name != "airway_kernels.c"]
    assert len(sources) == len(CORE) - 1
    core = compiled(compiler, [*sources, other], tmp_path)
    objects = compiled_bundle(compiler, room, "listen.c", tmp_path, "reference")
    program = tmp_path / "listen"
    subprocess.run([*compiler, *core, *objects, "-o", program], check=True)
    pcm = room.golden["pcm"]
    wanted = expected(room, pcm, ReferenceKernels(room))
    assert differences(listen([program], room, pcm), wanted) == (0, 0, 0)
    assert (wanted.scores != expected(room, pcm).scores).any()


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
@pytest.mark.parametrize("samples", [160_000, 130_037])
def test_a_gate(on_host, gated: Bundle, samples: int):
    """Behind a gate the same patches are scored and the same left out, up to the last step."""
    pcm = half_quiet(gated)[:samples]
    wanted = expected(gated, pcm)
    quiet = (wanted.scores == -128).all(axis=1)
    assert 24 <= quiet.sum() <= len(quiet) - 24
    assert wanted.events
    assert differences(on_host(gated, pcm), wanted) == (0, 0, 0)


@needs_compiler
@pytest.mark.parametrize("samples", [0, 399, 400, 16_037])
def test_short_recordings(on_host, room: Bundle, samples: int):
    """The last steps and the open events come at the end of a recording of any length."""
    pcm = room.golden["pcm"][32_000 : 32_000 + samples]
    assert differences(on_host(room, pcm), expected(room, pcm)) == (0, 0, 0)


@pytest.mark.skipif(shutil.which(COMPILER) is None, reason=f"{COMPILER} is not installed")
@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.core)
def test_board(tmp_path: Path, gated: Bundle, board: Board):
    """Three seconds on an emulated core differ in nothing; the firmware is within its memory."""
    find = [COMPILER, f"-mcpu={board.cpu}", "-mthumb", "-print-file-name=rdimon-crt0.o"]
    begin = subprocess.run(find, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(begin).is_file() or shutil.which(EMULATOR) is None:
        pytest.skip(f"newlib for Arm or {EMULATOR} is not installed")
    firmware = build_for(board, gated, tmp_path / "board")
    assert len(gated.model) // 2 < firmware.flash_bytes <= FLASH_LIMIT
    assert 8_000 < firmware.ram_bytes <= RAM_LIMIT
    pcm = gated.golden["pcm"][24_000:72_000]
    found = listen(emulator(board, firmware.listener), gated, pcm)
    assert differences(found, expected(gated, pcm)) == (0, 0, 0)
    assert found.frontend_instructions > 1e6
    assert found.other_instructions > 1e7
