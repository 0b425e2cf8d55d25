"""Audio stays in memory: what a run writes is watched, file by file and socket by socket."""

import re
import shutil
import subprocess
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from conftest import wait_until
from subject import RATE_HZ, sound

# All that a second of sound could hide in: 2 bytes a sample. A tenth of a second of audio at
# 4 kHz is 800 bytes; the run below has 1.9 MB.
SECONDS = 240
AUDIO_BYTES = 2 * RATE_HZ * SECONDS
# Threads of one process write to these; `read` is how the sound comes in.
CALLS = "write,writev,pwrite64,pwritev,sendto,sendmsg,sendmmsg,sendfile,splice,mmap,openat,creat"
_OPENED = re.compile(r'(?:openat|creat)\(.*?"([^"]+)", ([A-Z_|]+).*\) = (\d+)<(.*)>')
_WRITTEN = re.compile(
    r"\b(?:p?write(?:v|64|v2)?|send(?:to|msg|mmsg|file))\((\d+)<([^>]*(?:>[^>,]*)?)>"
)
_MAPPED = re.compile(r"\bmmap\([^,]*, (\d+), ([A-Z_|]+), ([A-Z_|]+), (\d+)<([^>]*)>")
_RESULT = re.compile(r" = (\d+)$")


def noise(seconds: int) -> np.ndarray:
    """A second of events, then noise that no compressor makes small, below the level."""
    rng = np.random.default_rng(5)
    pcm = rng.integers(-900, 900, seconds * RATE_HZ).astype(np.int16)
    pcm[:RATE_HZ] = sound(10)
    return pcm


def test_nothing_that_could_be_audio_leaves(daemon, broker, tmp_path):
    """Minutes of sound go in; files and sockets together get a fifth of its bytes or less."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed")
    broker.start()
    subscriber = broker.listen()
    subject = daemon()
    subject.start()
    assert wait_until(lambda: subject.said("connected to the broker"))
    trace = tmp_path / "trace"
    watcher = subprocess.Popen(
        [
            *("strace", "-f", "-y", "-qq", "-s", "0", "-e", f"trace={CALLS}"),
            *("-o", trace, "-p", str(subject.process.pid)),
        ],
        stderr=subprocess.PIPE,
    )
    try:
        time.sleep(1.0)
        if watcher.poll() is not None:
            assert watcher.stderr is not None
            pytest.skip(f"strace may not watch here: {watcher.stderr.read().decode().strip()}")
        assert subject.process.stdin is not None
        subject.process.stdin.write(noise(SECONDS).tobytes())
        assert subject.end() == 0
        watcher.wait(20)
    finally:
        watcher.kill()
        watcher.wait()
    text = trace.read_text(errors="replace")
    written: Counter[str] = Counter()
    opened: set[str] = set()
    for line in text.splitlines():
        result = _RESULT.search(line)
        if (found := _WRITTEN.search(line)) and result:
            written[_kind(found[2], subject.folder)] += int(result[1])
        elif found := _OPENED.search(line):
            if "WRONLY" in found[2] or "RDWR" in found[2] or "CREAT" in found[2]:
                opened.add(_kind(found[4], subject.folder))
        elif (found := _MAPPED.search(line)) and {"PROT_WRITE", "MAP_SHARED"} <= {
            *found[2].split("|"),
            *found[3].split("|"),
        }:
            opened.add(_kind(found[5], subject.folder))
    assert written["database"], text[-2000:]
    assert written["broker"], text[-2000:]
    assert set(written) <= {"database", "broker", "log", "wake"}, dict(written)
    assert opened <= {"database", "wake"}, opened
    assert sum(written.values()) <= AUDIO_BYTES // 5, dict(written)
    assert written["broker"] <= AUDIO_BYTES // 50, dict(written)
    assert (
        max(len(message.body) for message in subscriber.received if "event" in message.topic) < 800
    )
    assert {file.name for file in (subject.folder / "state").iterdir()} <= {
        "airway.db",
        "airway.db-wal",
        "airway.db-shm",
        "airway.db.lock",
    }
    assert (subject.folder / "state" / "airway.db.lock").stat().st_size == 0


def _kind(target: str, folder: Path) -> str:
    """What a file descriptor leads to."""
    if target.startswith(f"{folder}/state/airway.db"):
        return "database"
    if target.startswith("UNIX"):
        return "wake"
    if target.startswith(("TCP", "socket:")):
        return "broker"
    if target.startswith("pipe:"):
        return "log"
    return target


def test_no_sample_is_in_the_database(daemon, broker):
    """The stored bytes hold no run of the samples that were heard."""
    subject = daemon(mqtt="enabled = false").start()
    pcm = noise(10)
    assert subject.process.stdin is not None
    subject.process.stdin.write(pcm.tobytes())
    assert subject.end() == 0
    assert subject.stored() == 10
    stored = b"".join(file.read_bytes() for file in subject.database.parent.iterdir())
    for at in range(RATE_HZ, len(pcm) - 8, 997):
        assert pcm[at : at + 8].tobytes() not in stored
