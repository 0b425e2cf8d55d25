"""The watch's detector, shutter and outbox: the device's decisions, a ring that counts drops."""

import shutil
import subprocess
from collections import deque
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.watch_build import FRONTEND, WARNINGS, WATCH
from edge.card import EventRule, GateRule
from edge.events import NEVER, Detector
from edge.gate import gate_of

HERE = Path(__file__).parent
SANITIZE = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
UINT32 = 2**32

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
quick = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)


def compiled(part: str, folder: Path) -> Path:
    """The driver of a part, with sanitizers."""
    program = folder / part
    sources = [HERE / f"{part}_driver.c", WATCH / f"airway_{part}.c", FRONTEND / "gate.c"]
    include = [f"-I{WATCH}", f"-I{FRONTEND}"]
    subprocess.run(["cc", *WARNINGS, *SANITIZE, *include, *sources, "-o", program], check=True)
    return program


@pytest.fixture(scope="module")
def detector(tmp_path_factory) -> Path:
    """The detector's driver."""
    return compiled("detector", tmp_path_factory.mktemp("parts"))


@pytest.fixture(scope="module")
def outbox(tmp_path_factory) -> Path:
    """The outbox's driver."""
    return compiled("outbox", tmp_path_factory.mktemp("parts"))


rules = st.builds(
    lambda opened, below, smooth, shortest, gap, rest, longer, rival, above: EventRule(
        label="cough", open=opened, close=max(-128, opened - below), smooth_steps=smooth,
        min_steps=shortest, gap_steps=gap, refractory_steps=rest, max_steps=shortest + longer,
        rival=rival, rival_open=above,
    ),
    st.integers(-128, 127), st.integers(0, 60), st.sampled_from([1, 3, 5, 7, 9]),
    st.integers(1, 4), st.integers(1, 4), st.integers(0, 9), st.integers(0, 9),
    st.sampled_from(["", "sneeze"]), st.integers(-128, 127),
)  # fmt: skip
# Runs of one value: single random steps would hardly make an event.
logits = st.integers(-128, 127)
logit_rows = st.lists(st.tuples(logits, logits, st.integers(1, 6)), max_size=40).map(
    lambda runs: [pair for *pair, length in runs for _ in range(length)]
)


@quick
@given(rule=rules, logits=logit_rows)
def test_detector(detector: Path, rule: EventRule, logits: list[list[int]]):
    """Any rule finds the same spans and peaks in any scores as edge/events.py, the end included."""
    row = np.array(logits, dtype=np.int8).reshape(-1, 2)
    reference = Detector(rule, ("cough", "sneeze"))
    wanted = [
        (span.onset, span.offset, round(span.peak * rule.smooth_steps))
        for span in reference.push(row) + reference.finish()
    ]
    numbers = [
        0, rule.open, rule.close, rule.smooth_steps,
        rule.min_steps, rule.gap_steps, rule.refractory_steps, rule.max_steps,
        int(rule.rival == "sneeze"), rule.rival_open if rule.rival else NEVER,
    ]  # fmt: skip
    content = np.array(numbers, "<i4").tobytes() + row.tobytes()
    done = subprocess.run([detector], input=content, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    found = np.frombuffer(done.stdout, "<i8").reshape(-1, 3)
    assert [tuple(span) for span in found.tolist()] == wanted


@pytest.fixture(scope="module")
def shutter(tmp_path_factory) -> Path:
    """The shutter's driver."""
    return compiled("shutter", tmp_path_factory.mktemp("parts"))


gates = st.builds(
    GateRule,
    rise_q7=st.integers(1, 400),
    groups=st.integers(1, 5),
    hold_steps=st.integers(1, 9),
    settle_steps=st.integers(0, 9),
)
# Levels that stay for some steps, as sounds do; the rest comes from a seed.
sounds = st.lists(st.tuples(st.integers(0, 30_000), st.integers(1, 8)), max_size=12)


@quick
@given(
    rule=gates,
    sounds=sounds,
    patch=st.integers(1, 6),
    step=st.integers(32, 90),
    skip=st.integers(0, 50),
    ahead=st.integers(0, 400),
    seed=st.integers(0, 9),
)
def test_shutter(
    shutter: Path, rule: GateRule, sounds: list, patch: int, step: int, skip: int, ahead: int,
    seed: int,
):  # fmt: skip
    """Any rule shuts the same patches over any sound as edge/gate.py; no step is lost or early."""
    levels = np.repeat([level for level, _ in sounds], [steps * step for _, steps in sounds])
    noise = np.random.default_rng(seed).uniform(-1, 1, len(levels))
    pcm = np.round(levels * noise).astype(np.int16)
    flags = np.frombuffer(gate_of(rule, step, skip, "reference").push(pcm), np.bool_)
    whole = len(flags) - len(flags) % patch
    is_open = flags[:whole].reshape(-1, patch).any(axis=1).repeat(patch)
    scored = max(0, (len(pcm) - skip - ahead) // step)
    steps = np.arange(min(scored, len(is_open)))
    wanted = np.where(is_open[: len(steps)], steps % 100, -128)
    numbers = [
        skip, step, rule.rise_q7, rule.groups, rule.hold_steps, rule.settle_steps, patch, ahead,
    ]  # fmt: skip
    content = np.array(numbers, "<i4").tobytes() + pcm.astype("<i2").tobytes()
    done = subprocess.run([shutter], input=content, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert np.frombuffer(done.stdout, np.int8).tolist() == wanted.tolist()


@quick
@given(room=st.integers(1, 5), letters=st.text("pppcC", max_size=40), before_wrap=st.integers(0, 9))
def test_outbox(outbox: Path, room: int, letters: str, before_wrap: int):
    """Oldest first; a full ring drops and counts; a number that was never given changes nothing."""
    waiting: deque[tuple[int, int]] = deque()
    put, dropped, wanted = 0, 0, []
    for letter in letters:
        if letter == "p":
            if len(waiting) == room:
                waiting.popleft()
                dropped += 1
            waiting.append(((put - before_wrap) % UINT32, put))
            put += 1
        else:
            confirmed = 2 if letter == "C" else 1
            for _ in range(confirmed if len(waiting) >= confirmed else 0):
                waiting.popleft()
        number, label = waiting[0] if waiting else (-1, -1)
        wanted.append(f"{len(waiting)} {dropped} {number} {label}")
    command = [outbox, str(room), str(before_wrap)]
    done = subprocess.run(command, input=letters, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == wanted
