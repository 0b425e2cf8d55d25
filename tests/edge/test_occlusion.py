"""What spoke for a result: the model is asked again with parts hidden."""

import numpy as np
import pytest

from edge.bundle import load_bundle
from edge.classifier import Classifier
from edge.occlusion import BAND_PARTS, band_edges_hz, occlude
from edge.patches import recording_logits
from edge.screening import Screener, levelled


@pytest.fixture(scope="module")
def screener():
    """The shipped screen of lung sounds."""
    bundle = load_bundle("screen-chest")
    return Screener(bundle, Classifier(bundle))


def test_every_second_and_every_band_has_a_share(screener):
    """The shares tile the recording and the spectrum, in order."""
    frames = screener.features(screener.bundle.golden["pcm"], 4_000)
    grounds = occlude(screener, frames, "obstructive")
    assert [share.start for share in grounds.seconds] == pytest.approx(
        list(range(len(grounds.seconds)))
    )
    assert grounds.seconds[-1].end == pytest.approx(len(frames) / 100)
    assert len(grounds.bands) == BAND_PARTS
    for low, high in zip(grounds.bands, grounds.bands[1:], strict=False):
        assert low.end == high.start
    assert 0 < grounds.bands[0].start < grounds.bands[-1].end <= 2_000


def test_a_share_is_the_score_that_is_lost(screener):
    """Hiding seconds by hand changes the calibrated log-odds by their shares, less the mean."""
    frames = screener.features(screener.bundle.golden["pcm"], 4_000)
    level = levelled(frames, screener.rule.level_q7)

    def score(part: np.ndarray) -> float:
        odds = np.exp(recording_logits(screener.classifier, part).mean(axis=0))
        return float(np.log(odds[0] / (odds[1] + odds[2]))) / screener.rule.temperature

    grounds = occlude(screener, frames, screener.rule.labels[0])
    ends = [*range(100, 100 * len(grounds.seconds), 100), len(level)]
    lost = []
    for start, end in zip([0, *ends], ends, strict=False):
        hidden = level.copy()
        hidden[start:end] = np.sort(level, axis=0)[(len(level) - 1) // 2]
        lost.append(score(level) - score(hidden))
    shares = [share.logit for share in grounds.seconds]
    np.testing.assert_allclose(shares, np.array(lost) - np.mean(lost), atol=1e-9)


def test_the_shares_of_a_kind_speak_against_each_other(screener):
    """Their mean is zero: what every stretch does alike is nobody's share."""
    frames = screener.features(screener.bundle.golden["pcm"], 4_000)
    grounds = occlude(screener, frames, screener.rule.labels[0])
    for shares in (grounds.seconds, grounds.bands):
        assert sum(share.logit for share in shares) == pytest.approx(0, abs=1e-9)
        assert max(share.logit for share in shares) > 0.025


def test_the_two_labels_mirror_each_other(screener):
    """What speaks for one of two labels speaks against the other."""
    frames = screener.features(screener.bundle.golden["pcm"], 4_000)
    first, second = (occlude(screener, frames, label) for label in screener.rule.labels)
    for mine, yours in zip(first.bands, second.bands, strict=True):
        assert mine.logit == pytest.approx(-yours.logit)


def test_what_never_moves_says_nothing(screener):
    """Constant features are their own median: hiding them changes nothing."""
    frames = np.full((500, 40), 900, np.int16)
    grounds = occlude(screener, frames, "other")
    assert {share.logit for share in (*grounds.seconds, *grounds.bands)} == {0.0}


def test_no_frames_have_no_grounds(screener):
    """An empty recording gives no shares."""
    grounds = occlude(screener, np.zeros((0, 40), np.int16), "other")
    assert grounds.seconds == grounds.bands == ()


def test_the_edges_of_the_bands_follow_the_tables(screener):
    """They rise, one pair a band, within the frontend's range."""
    spec = screener.bundle.spec
    edges = band_edges_hz(spec, screener.bundle.tables)
    assert len(edges) == spec.mel_bands
    assert all(low <= high for low, high in edges)
    assert edges[0][0] >= spec.fmin_hz
    assert edges[-1][1] <= spec.fmax_hz
