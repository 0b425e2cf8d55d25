"""The choice between the C core and the reference."""

import pytest

from edge.errors import BadInputError, UsageError
from edge.frontend import PRESETS, Frontend, native
from edge.frontend.extractor import BACKENDS, resampler

ROOM = PRESETS["room-16k"]


def test_auto_takes_the_core_where_it_was_built():
    """`auto` is the C core where it was built and the reference elsewhere; it says which."""
    assert Frontend(ROOM).backend == ("native" if native.available() else "reference")
    assert Frontend(ROOM, backend="reference").backend == "reference"


def test_without_the_core(monkeypatch: pytest.MonkeyPatch):
    """Without the extension `auto` is the reference, and `native` is refused with the remedy."""
    monkeypatch.setattr(native, "_core", None)
    assert Frontend(ROOM).backend == "reference"
    with pytest.raises(UsageError, match=r"'native' was not built; install .*C compiler"):
        Frontend(ROOM, backend="native")
    with pytest.raises(UsageError, match="was not built"):
        resampler(8_000, 16_000, "native")


def test_unknown_backend():
    """An unknown backend is refused with the names there are."""
    with pytest.raises(UsageError, match="'fast' must be one of auto, native, reference"):
        Frontend(ROOM, backend="fast")


@pytest.mark.parametrize("backend", BACKENDS)
def test_rate_out_of_range(backend: str):
    """Every backend refuses a rate out of range alike."""
    if backend == "native" and not native.available():
        pytest.skip("the C core was not built")
    with pytest.raises(BadInputError, match="sampling rate 200000 Hz is out of range"):
        Frontend(ROOM, rate_hz=200_000, backend=backend)
