"""`airway bench`."""

import json
import subprocess
import sys

from edge.bundle import load_bundle
from edge.commands.bench import measure


def test_the_shares_add_up():
    """The frontend alone costs less than the whole pipeline, and this machine keeps up."""
    figures = measure(load_bundle("room"), "auto", 10)
    assert 0 < figures["frontend_share"] < figures["busy_share"] < 1
    assert figures["keeps_up"] == (figures["busy_share"] <= 0.5)
    assert figures["slowest_block_ms"] > 0
    assert 20 < figures["resident_mb"] < 2000


def test_it_prints_one_json_object_or_words_and_refuses_an_absurd_length():
    """The contract's `bench --json`, the words for a person, and exit code 64."""

    def bench(*arguments):
        command = [sys.executable, "-m", "edge.cli", "bench", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    told = bench("--json", "--seconds", "10")
    assert json.loads(told.stdout)["type"] == "bench"
    assert "this board" in bench("--seconds", "10").stdout
    refused = bench("--seconds", "5")
    assert refused.returncode == 64
    assert "--seconds 5" in refused.stderr
