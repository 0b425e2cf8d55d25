"""The spectral denoiser: reconstruction, what it takes and leaves, its words and its stream."""

import numpy as np
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st
from signals import any_signal, block_sizes, hard_cases, in_blocks, speech_like, to_pcm

from edge.errors import BadInputError
from edge.frontend import FrontendSpec, fourier, mfcc, spectral
from edge.frontend import build_tables as frontend_tables
from edge.frontend.spectral import FLOOR_DB, SpectralDenoiser, build_tables, fft_size_for

SIZES = (32, 64, 256, 1_024)
DENOISING = {size: build_tables(size, FLOOR_DB) for size in SIZES}
UNITY = {size: build_tables(size, 0) for size in SIZES}


def rms_db(x: np.ndarray) -> float:
    """Level in dB."""
    return 10 * np.log10(np.mean(np.asarray(x, dtype=float) ** 2))


def hiss(samples: int, rms: float, seed: int = 0) -> np.ndarray:
    """White noise, int16."""
    return np.round(np.random.default_rng(seed).normal(size=samples) * rms).astype(np.int16)


@pytest.mark.parametrize("size", SIZES)
def test_transform_meets_scipy(size: int):
    """The transform is scipy's, divided by its size, and the inverse undoes it."""
    turn = fourier.rotations(size)
    x = np.random.default_rng(0).integers(-(2**28) + 1, 2**28, (20, size))
    re, im = fourier.forward(x, turn)
    expected = scipy.fft.rfft(x) / size
    np.testing.assert_allclose(re, expected.real, atol=4)
    np.testing.assert_allclose(im, expected.imag, atol=4)
    up = 28 - int(max(np.abs(re).max(), np.abs(im).max())).bit_length()
    back = fourier.inverse(re << up, im << up, turn)
    expected = scipy.fft.irfft((re + 1j * im) * 2.0**up)
    np.testing.assert_allclose(back, expected, atol=4)


def test_transform_is_the_frontends():
    """One FFT in the project: the same bits as the features' own."""
    spec = FrontendSpec(
        rate_hz=16_000, window_samples=512, hop_samples=160, fft_size=512, mel_bands=40,
        fmin_hz=60, fmax_hz=7_600,
    )  # fmt: skip
    x = np.random.default_rng(1).integers(-(2**29), 2**29, (5, 512))
    theirs = mfcc.real_fft(x, spec, frontend_tables(spec))
    ours = fourier.forward(x, fourier.rotations(512))
    np.testing.assert_array_equal(ours[0], theirs[0])
    np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize("size", SIZES)
def test_unity(size: int):
    """With a gain of one everything comes out as it went in, within one unit of 16 bits."""
    for name, pcm in hard_cases(20 * size, 16_000).items():
        out = SpectralDenoiser(UNITY[size]).push(pcm)
        assert len(out) >= len(pcm) - size
        assert np.abs(out.astype(int) - pcm[: len(out)]).max() <= 1, name


@pytest.mark.parametrize("rate_hz", [16_000, 4_000])
@pytest.mark.parametrize("rms", [4, 60, 3_000])
def test_steady_noise_goes_down(rate_hz: int, rms: float):
    """After two seconds white noise of any level is down by 8 dB and at most by the floor."""
    noise = hiss(8 * rate_hz, rms)
    out = SpectralDenoiser(DENOISING[fft_size_for(rate_hz)]).push(noise)
    taken_db = rms_db(noise) - rms_db(out[2 * rate_hz :])
    assert 8 < taken_db <= -FLOOR_DB + 0.5


def test_bias():
    """The tracked noise, its bias added, is the mean power of white noise within 1 dB."""
    tables = DENOISING[256]
    noise = hiss(16_000 * 12, 500)
    frames = np.lib.stride_tricks.sliding_window_view(noise, 256)[::128]
    re, im, shift = spectral.analyse(frames, tables)
    tracker = spectral.Noise(tables)
    log = spectral.log_power(re, im, shift, tables)
    tracked = []
    for row in log:
        tracker.gains(row[None])
        tracked.append(tracker._noise + tables.bias_q20)
    tracked_db = 10 * np.log10(2) * np.mean(tracked[400:], axis=0) / 2**20
    power = ((re / 2.0 ** shift[:, None]) ** 2 + (im / 2.0 ** shift[:, None]) ** 2).mean(axis=0)
    middle = slice(3, -3)  # the edges have half the degrees of freedom
    assert abs(np.mean(tracked_db[middle] - 10 * np.log10(power[middle]))) < 1


def test_clicks_pass():
    """Clicks of 5 ms, as crackles are, keep four fifths of their energy 12 dB above hiss."""
    rate_hz, rng = 4_000, np.random.default_rng(3)
    noise = hiss(10 * rate_hz, 200)
    click = 200 * 4 * np.sqrt(2) * np.sin(2 * np.pi * 400 / rate_hz * np.arange(20))
    places = 3 * rate_hz + np.arange(20) * 1_000 + rng.integers(0, 500, 20)
    mixed = noise.astype(float)
    for place in places:
        mixed[place : place + 20] += click
    mixed = np.round(mixed).astype(np.int16)
    out = SpectralDenoiser(DENOISING[64]).push(mixed)
    inside = np.concatenate([np.arange(place, place + 20) for place in places])
    assert rms_db(out[inside]) - rms_db(mixed[inside]) > 10 * np.log10(0.8)
    outside = np.setdiff1d(np.arange(3 * rate_hz, len(out)), inside)
    assert rms_db(out[outside]) - rms_db(mixed[outside]) < -7


def test_speech_gains():
    """Speech in hiss at 5 dB comes out nearer to the speech."""
    speech = to_pcm(speech_like(16_000 * 8, 16_000))
    noise = hiss(len(speech), 10 ** ((rms_db(speech) - 5) / 20))
    out = SpectralDenoiser(DENOISING[256]).push(speech + noise)
    part = slice(2 * 16_000, len(out))
    assert rms_db(noise[part]) - rms_db(out[part].astype(int) - speech[part]) > 4


def test_a_muted_microphone_is_forgotten():
    """A minute of digital silence doesn't set the noise so low that it takes as long to rise."""
    denoiser = SpectralDenoiser(DENOISING[64])
    denoiser.push(np.zeros(60 * 4_000, dtype=np.int16))
    noise = hiss(12 * 4_000, 30)
    out = denoiser.push(noise)[-4_000:]
    assert rms_db(noise) - rms_db(out) > 6


def test_silence_stays():
    """Digital silence stays silent, after anything."""
    denoiser = SpectralDenoiser(DENOISING[256])
    denoiser.push(hiss(20_000, 9_000))
    quiet = denoiser.push(np.zeros(20_000, dtype=np.int16))
    np.testing.assert_array_equal(quiet[512:], 0)


@pytest.mark.parametrize("size", SIZES)
def test_fits_the_words_of_c(monkeypatch, size: int):
    """Spectra and pieces stay in 32 bits, products and powers in 64."""
    seen = {"samples": 0, "products": 0}
    plain = fourier._butterflies

    def butterflies(re, im, stage, turn):
        out = plain(re, im, stage, turn)
        for x in (re, im):  # a sum of two, before its halving
            seen["samples"] = max(seen["samples"], 2 * int(np.abs(x).max()))
        return out

    def shifted(x, bits):
        seen["products"] = max(seen["products"], int(np.abs(x).max(initial=0)))
        return (x + (1 << (bits - 1))) >> bits

    monkeypatch.setattr(fourier, "_butterflies", butterflies)
    monkeypatch.setattr(fourier, "rounded_shift", shifted)
    monkeypatch.setattr(spectral, "rounded_shift", shifted)
    pieces = []
    keep = spectral.synthesise
    monkeypatch.setattr(spectral, "synthesise", lambda *x: pieces.append(keep(*x)) or pieces[-1])
    for pcm in hard_cases(8 * size, 16_000).values():
        SpectralDenoiser(DENOISING[size]).push(pcm)
    assert 0 < seen["samples"] < 2**31
    assert 0 < seen["products"] < 2**62
    assert max(np.abs(x).max() for x in pieces) < 2**31


@settings(max_examples=40, deadline=None)
@given(any_signal(), block_sizes(), st.sampled_from(SIZES))
def test_blocks_do_not_matter(pcm, sizes, size):
    """Any blocks give the samples of one block; never more than the latency is held back."""
    whole = SpectralDenoiser(DENOISING[size]).push(pcm)
    denoiser = SpectralDenoiser(DENOISING[size])
    parts, given_in = [], 0
    for block in in_blocks(pcm, sizes):
        parts.append(denoiser.push(block))
        given_in += len(block)
        assert given_in - sum(map(len, parts)) <= denoiser.latency_samples
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_latency_is_met():
    """The stated latency is what is held back at worst, sample by sample."""
    denoiser, pcm = SpectralDenoiser(DENOISING[64]), hiss(1_000, 100)
    held, out = [], 0
    for index in range(len(pcm)):
        out += len(denoiser.push(pcm[index : index + 1]))
        held.append(index + 1 - out)
    assert max(held) == denoiser.latency_samples == 63


def test_reset():
    """A used denoiser differs from a new one; reset makes them alike."""
    loud, soft = hiss(20_000, 9_000), hiss(20_000, 300, seed=1)
    denoiser = SpectralDenoiser(DENOISING[256])
    first = denoiser.push(soft)
    denoiser.push(loud)
    assert not np.array_equal(denoiser.push(soft)[: len(first)], first)
    denoiser.reset()
    np.testing.assert_array_equal(denoiser.push(soft), first)


@pytest.mark.parametrize(("rate_hz", "size"), [(16_000, 256), (4_000, 64), (48_000, 1_024)])
def test_frame_length(rate_hz: int, size: int):
    """A frame is the power of two from 12 to 24 ms."""
    assert fft_size_for(rate_hz) == size
    assert 0.012 <= size / rate_hz <= 0.024


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ((100, -15), "fft_size=100 must be a power of two from 32 to 1024"),
        ((16, -15), "fft_size=16"),
        ((256, 1), "floor_db=1 must be from -40 to 0"),
        ((256, -41), "floor_db=-41 must be from -40 to 0"),
    ],
)
def test_refuses(values, words):
    """A value out of range is refused with the field, the value and the range."""
    with pytest.raises(BadInputError, match=words):
        build_tables(*values)
