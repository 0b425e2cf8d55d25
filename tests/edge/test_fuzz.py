"""Damaged and hostile input: one clear sentence or a good result, never anything else.

`make fuzz` tries 100,000 cases of each kind, FUZZ=5000 as many; the ordinary suite tries a few of
the same.
"""

import gc
import hashlib
import io
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from edge.bundle import FILES, bundle_path, canonical_json, load_bundle
from edge.capture import open_wav_or_flac
from edge.config import load_settings
from edge.daemon.listener import Mute
from edge.errors import AirwayError

_SIZE = os.environ.get("FUZZ", "50")
CASES = 100_000 if _SIZE == "full" else int(_SIZE)
# The generator remembers every case of a round, and forgets them with it: what is left is ours.
ROUND = 1_000
MOST_GROWTH_BYTES = 32_000_000  # after the first round: a leak of a kilobyte a case would be 99 MB

# What a mutation does to bytes: (where, 0 to 1; how many go; what comes instead).
edits = st.lists(
    st.tuples(st.floats(0, 1), st.integers(0, 64), st.binary(max_size=16)), min_size=1, max_size=4
)


def edited(data: bytes, changes: list[tuple[float, int, bytes]], reach: int) -> bytes:
    """Bytes with pieces replaced, the first `reach` of them most likely to be hit."""
    out = bytearray(data)
    for where, gone, instead in changes:
        at = int(where * min(len(out), reach))
        out[at : at + gone] = instead
    return bytes(out)


@pytest.fixture(autouse=True)
def silent():
    """What the cases log is not kept."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def fuzz(check: Callable[..., None], *strategies: st.SearchStrategy[Any]) -> None:
    """Try `CASES` cases, other ones in each round; memory must not grow after the first."""
    before = 0
    for number, done in enumerate(range(0, CASES, ROUND)):
        few = settings(
            max_examples=min(ROUND, CASES - done),
            deadline=20_000,  # milliseconds a case: longer is a hang
            suppress_health_check=[HealthCheck.too_slow],
            database=None,
        )
        seed(number)(few(given(*strategies)(check)))()
        gc.collect()
        before = before or _resident_bytes()
    assert _resident_bytes() - before < MOST_GROWTH_BYTES


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def refused_or_good(work) -> None:
    """A documented error with a sentence, or no error at all."""
    said = "good"
    try:
        work()
    except AirwayError as error:
        said = str(error).strip()
    assert said


CONFIG = b"""\
node = "bedroom"
[source]
name = "mic"
kind = "stdin"
rate_hz = 16000
realtime = true
[night]
start = "21:00"
timezone = "Europe/Berlin"
[mqtt]
host = "localhost"
port = 1883
tls = false
[log]
level = "info"
"""


def test_a_damaged_configuration(tmp_path):
    """A configuration with pieces missing or strange is refused in words or read."""

    def check(changes):
        path = tmp_path / "c.toml"
        path.write_bytes(edited(CONFIG, changes, len(CONFIG)))
        refused_or_good(lambda: load_settings(path, {}))

    fuzz(check, edits)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
NAMES = st.sampled_from(
    ["AIRWAY_NODE", "AIRWAY_MQTT__PORT", "AIRWAY_SOURCE__KIND", "AIRWAY_NIGHT__START"]
)


def test_a_strange_environment(tmp_path):
    """Whatever the environment says is refused in words or taken."""

    def check(environ):
        path = tmp_path / "c.toml"
        path.write_bytes(CONFIG)
        refused_or_good(lambda: load_settings(path, environ))

    fuzz(
        check, st.dictionaries(NAMES, st.text(st.characters(exclude_characters="\0"), max_size=30))
    )


def test_a_configuration_nested_without_end(tmp_path):
    """Ten thousand brackets are refused like any other nonsense."""
    path = tmp_path / "c.toml"
    path.write_text("node = " + "[" * 10_000)
    with pytest.raises(AirwayError, match="TOML"):
        load_settings(path, {})


def _sound(kind: str, subtype: str) -> bytes:
    buffer = io.BytesIO()
    tone = (np.sin(np.arange(800) / 9) * 9000).astype(np.int16)
    soundfile.write(buffer, tone, 16_000, subtype, format=kind)
    return buffer.getvalue()


SOUNDS = [
    _sound("WAV", "PCM_16"), _sound("WAV", "PCM_24"), _sound("WAV", "FLOAT"),
    _sound("FLAC", "PCM_16"),
]  # fmt: skip


def test_a_damaged_recording(tmp_path):
    """A WAV or FLAC file with a damaged header is refused in words or played to its end."""

    def check(sound, changes):
        path = tmp_path / "sound.bin"
        path.write_bytes(edited(sound, changes, 128))

        def play() -> None:
            for block in open_wav_or_flac(path).blocks(1600):
                assert block.pcm.dtype == np.int16

        refused_or_good(play)

    fuzz(check, st.sampled_from(SOUNDS), edits)


def test_a_damaged_bundle(tmp_path):
    """A bundle with a changed byte anywhere is refused: its digests see it."""

    def check(name, changes):
        shipped = bundle_path("room")
        for file in (*FILES, "card.json"):
            (tmp_path / file).write_bytes((shipped / file).read_bytes())
        whole = (shipped / name).read_bytes()
        changed = edited(whole, changes, len(whole))
        (tmp_path / name).write_bytes(changed)
        if changed == whole:
            load_bundle(str(tmp_path))
            return
        with pytest.raises(AirwayError):
            load_bundle(str(tmp_path))

    fuzz(check, st.sampled_from([*FILES, "card.json"]), edits)


SHIPPED_CARD = json.loads((bundle_path("room") / "card.json").read_bytes())


def test_a_card_that_was_signed_with_nonsense(tmp_path):
    """A card whose digests are right and whose values are not is refused in words or read."""

    def check(key, value):
        shipped = bundle_path("room")
        for file in FILES:
            if not (tmp_path / file).exists():
                (tmp_path / file).write_bytes((shipped / file).read_bytes())
        own = {k: v for k, v in SHIPPED_CARD.items() if k != "card_sha256"} | {key: value}
        try:
            digest = hashlib.sha256(canonical_json(own)).hexdigest()
        except UnicodeEncodeError:
            return  # lone surrogates are no file that can be written
        (tmp_path / "card.json").write_bytes(canonical_json(own | {"card_sha256": digest}))
        refused_or_good(lambda: load_bundle(str(tmp_path)))

    fuzz(
        check,
        st.sampled_from(sorted(set(SHIPPED_CARD) - {"format", "files", "card_sha256"})),
        values,
    )


def test_tables_that_were_signed_with_nonsense(tmp_path):
    """Arrays whose digest is right and whose bytes are not are refused in words or read."""

    def check(name, changes):
        shipped = bundle_path("room")
        contents = {file: (shipped / file).read_bytes() for file in FILES}
        contents[name] = edited(contents[name], changes, len(contents[name]))
        for file, content in contents.items():
            (tmp_path / file).write_bytes(content)
        own = {k: v for k, v in SHIPPED_CARD.items() if k != "card_sha256"}
        own["files"] = {
            file: hashlib.sha256(content).hexdigest() for file, content in contents.items()
        }
        digest = hashlib.sha256(canonical_json(own)).hexdigest()
        (tmp_path / "card.json").write_bytes(canonical_json(own | {"card_sha256": digest}))
        refused_or_good(lambda: load_bundle(str(tmp_path)))

    fuzz(check, st.sampled_from(["tables.npz", "golden.npz"]), edits)


def test_any_command_over_mqtt():
    """A mute command of any bytes is obeyed when it is one, and otherwise changes nothing."""

    def check(bodies):
        mute = Mute(False)
        expected = False
        for body in bodies:
            mute.command(body)
            word = body[:16].strip().lower()
            expected = {b"on": True, b"off": False}.get(word, expected)
        mute.obey()
        assert mute.muted is expected

    fuzz(check, st.lists(st.binary(max_size=40) | st.sampled_from([b"on", b"off", b" ON\n", b""])))
