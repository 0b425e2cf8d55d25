"""Capture: what comes out of a recording or a pipe, and what is refused in words."""

import io
import itertools
import logging
import os
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edge.capture import open_wav_or_flac, paced, stdin_blocks
from edge.errors import BadInputError, InputOutputError
from edge.records import AudioBlock

RNG = np.random.default_rng(11)
NOISE = (RNG.normal(size=16_000) * 3_000).astype(np.int16)
PCM = arrays(np.int16, st.integers(1, 400))


def played(path: Path, block_samples: int = 1_600) -> np.ndarray:
    """The whole of a recording, after a look at how its blocks follow each other."""
    recording = open_wav_or_flac(path)
    blocks = list(recording.blocks(block_samples))
    assert [block.start for block in blocks] == list(range(0, recording.samples, block_samples))
    assert all(len(block.pcm) == block_samples for block in blocks[:-1])
    assert {(block.pcm.dtype, block.rate_hz, block.lost) for block in blocks} == {
        (np.dtype(np.int16), recording.rate_hz, 0)
    }
    pcm = np.concatenate([block.pcm for block in blocks])
    assert len(pcm) == recording.samples
    return pcm


def wav_bytes(pcm: np.ndarray = NOISE, **options) -> bytes:
    """A WAV file as soundfile writes it."""
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm, 16_000, format="WAV", subtype="PCM_16", **options)
    return buffer.getvalue()


def refusal(path: Path) -> str:
    """The sentence with which a file is refused as bad data."""
    with pytest.raises(BadInputError) as caught:
        for _ in open_wav_or_flac(path).blocks(1_600):
            pass
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text
    return text


@settings(deadline=None)  # a busy disk is slow
@given(pcm=PCM, block_samples=st.integers(1, 500), kind=st.sampled_from(["WAV", "WAVEX", "FLAC"]))
def test_sixteen_bit_mono_is_exact(tmp_path_factory, pcm, block_samples, kind):
    """16-bit mono comes back bit for bit, whatever the container and the block size."""
    path = tmp_path_factory.getbasetemp() / "mono.sound"
    soundfile.write(path, pcm, 16_000, format=kind, subtype="PCM_16")
    np.testing.assert_array_equal(played(path, block_samples), pcm)


@settings(deadline=None)  # a busy disk is slow
@given(pcm=arrays(np.int16, st.tuples(st.integers(1, 200), st.integers(1, 6))))
def test_channels_are_mixed_by_their_mean(tmp_path_factory, pcm):
    """Any number of channels gives their mean, rounded once."""
    path = tmp_path_factory.getbasetemp() / "many.wav"
    soundfile.write(path, pcm, 48_000)
    mean = pcm.astype(np.float64).mean(axis=1)
    assert np.abs(played(path) - mean).max() <= 0.5


@pytest.mark.parametrize("samples", [65_536, 65_537, 200_001])
@pytest.mark.parametrize("block_samples", [7, 1_000, 65_537, 1_000_000])
def test_block_sizes_across_the_reads(tmp_path, samples, block_samples):
    """Blocks are whole where one read of the decoder ends and the next begins."""
    pcm = np.resize(NOISE, samples)
    soundfile.write(tmp_path / "a.flac", pcm, 16_000)
    np.testing.assert_array_equal(played(tmp_path / "a.flac", block_samples), pcm)


@pytest.mark.parametrize(("subtype", "bits"), [("PCM_24", 24), ("PCM_32", 32)])
def test_wide_samples_are_rounded(tmp_path, subtype, bits):
    """24 and 32 bits are rounded to the nearest of 16, and full scale is clipped."""
    wide = RNG.integers(-(2**31), 2**31, size=5_000, dtype=np.int64)
    wide = wide >> (32 - bits) << (32 - bits)
    wide[:2] = 2**31 - 2 ** (32 - bits), -(2**31)
    soundfile.write(tmp_path / "a.wav", wide.astype(np.int32), 16_000, subtype=subtype)
    expected = np.clip(np.rint(wide / 65_536), -32_768, 32_767)
    np.testing.assert_array_equal(played(tmp_path / "a.wav"), expected)


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
def test_float_samples_are_scaled_and_clipped(tmp_path, subtype):
    """1.0 is 32768: 16-bit values survive, halves round, and what is beyond is clipped."""
    values = np.concatenate([NOISE / 32_768, [1.0, -1.0, 3.5, -3.5, 1.6 / 32_768]])
    soundfile.write(tmp_path / "a.wav", values, 16_000, subtype=subtype)
    expected = [*NOISE, 32_767, -32_768, 32_767, -32_768, 2]
    np.testing.assert_array_equal(played(tmp_path / "a.wav"), expected)


@pytest.mark.parametrize("options", [{"format": "RF64"}, {"format": "WAV", "endian": "BIG"}])
def test_long_and_big_endian_headers(tmp_path, options):
    """The 64-bit header of a long night and the big-endian one are WAV too."""
    soundfile.write(tmp_path / "a.wav", NOISE, 16_000, **options)
    np.testing.assert_array_equal(played(tmp_path / "a.wav"), NOISE)


def test_chunks_beside_the_samples_are_passed_over(tmp_path):
    """Odd chunks before and after the samples change nothing."""
    data = wav_bytes()
    junk = struct.pack("<4sI", b"LIST", 5) + b"abcde\0"
    body = data[8:36] + junk + data[36:] + junk
    (tmp_path / "a.wav").write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    np.testing.assert_array_equal(played(tmp_path / "a.wav"), NOISE)


def test_a_recording_plays_again_where_the_clock_is(tmp_path):
    """A recording can be played twice, and the second time begins at any index."""
    (tmp_path / "a.wav").write_bytes(wav_bytes())
    recording = open_wav_or_flac(tmp_path / "a.wav")
    assert recording.duration_s == 1.0
    first, again = list(recording.blocks(6_000)), list(recording.blocks(6_000, 16_000))
    assert [block.start for block in again] == [16_000, 22_000, 28_000]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.pcm, other.pcm)
    with pytest.raises(ValueError, match="block_samples=0"):
        next(recording.blocks(0))


def test_a_long_file_is_not_held_in_memory(tmp_path):
    """Ten minutes of two channels stream in a fraction of their size."""
    soundfile.write(tmp_path / "a.wav", np.zeros((9_600_000, 2), np.int16), 16_000)
    recording = open_wav_or_flac(tmp_path / "a.wav")
    tracemalloc.start()
    seconds = sum(len(block.pcm) for block in recording.blocks(1_600)) / 16_000
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds == 600
    assert peak_bytes < 4_000_000 < (tmp_path / "a.wav").stat().st_size / 9


@settings(deadline=None)  # a busy disk is slow
@given(cut=st.integers(1, len(wav_bytes()) - 1))
def test_a_wav_cut_anywhere_is_refused(tmp_path_factory, cut):
    """No prefix of a WAV file is taken for a recording."""
    path = tmp_path_factory.getbasetemp() / "cut.wav"
    path.write_bytes(wav_bytes()[:cut])
    refusal(path)


@settings(deadline=None)  # a busy disk is slow
@given(share=st.floats(0.0001, 0.9999))
def test_a_flac_cut_anywhere_is_refused(tmp_path_factory, share):
    """No prefix of a FLAC file is taken for a recording, and it is refused when opened."""
    path = tmp_path_factory.getbasetemp() / "cut.flac"
    soundfile.write(path, NOISE, 16_000)
    data = path.read_bytes()
    path.write_bytes(data[: max(4, int(len(data) * share))])
    with pytest.raises(BadInputError):
        open_wav_or_flac(path)


def test_a_damaged_flac_is_refused_in_words(tmp_path):
    """A FLAC file that is whole in length and damaged in the middle is not played in silence."""
    path = tmp_path / "a.flac"
    soundfile.write(path, np.resize(NOISE, 160_000), 16_000)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0x55
    path.write_bytes(data)
    assert "can't be decoded" in refusal(path)


def patched(at: int, form: str, value: int) -> bytes:
    """A WAV file with one number of its header changed."""
    data = bytearray(wav_bytes())
    struct.pack_into(form, data, at, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"# not sound at all\n", "is text, not WAV or FLAC"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\0", "is something that begins with b'\\x89PNG"),
        (b"....ftypM4A " + bytes(60), "is an MP4 or M4A file, not WAV or FLAC; convert: ffmpeg"),
        (b"#!AMR\n" + bytes(60), "is an AMR file, not WAV or FLAC; convert: ffmpeg -i a.wav"),
        (b"OggS" + bytes(60), "is an Ogg file, not WAV or FLAC; convert: ffmpeg -i a.wav"),
        (b"RIFF\x04\0\0\0AVI ", "is a RIFF file without sound"),
        (b"RIFF\x04\0\0\0WAVE", "has a damaged header and holds no samples"),
        (wav_bytes(NOISE[:0]), "holds no samples"),
        (patched(40, "<I", 0xFFFFFFFF), "cut short or was never finished"),
        (patched(4, "<I", 0xFFFFFFFF), "cut short or was never finished"),
        (patched(40, "<I", 2 * len(NOISE) + 2), f"and it has {len(wav_bytes())}"),
        (wav_bytes()[:4] + bytes(4) + wav_bytes()[8:40] + bytes(4) + wav_bytes()[44:], "it has"),
        (patched(20, "<H", 7), "is mu-law, which is not supported"),
        (patched(20, "<H", 0x1234), "is format 0x1234, which is not supported"),
        (patched(22, "<H", 0), "has 0 channels"),
        (patched(24, "<I", 0), "can't be decoded"),
        (patched(24, "<I", 3_999), "3999 samples a second; it must be between 4000 and 192000"),
        (patched(24, "<I", 192_001), "ffmpeg -i a.wav -ar 16000 -c:a pcm_s16le out.wav"),
        (patched(12, "<I", 0x4B4E554A), "has no format chunk before its samples"),
    ],
)
def test_what_is_not_a_recording_is_refused(tmp_path, content, words):
    """Each way in which a file is not what it claims gets one sentence that says so."""
    (tmp_path / "a.wav").write_bytes(content)
    assert words in refusal(tmp_path / "a.wav")


@pytest.mark.parametrize(
    ("subtype", "name"),
    [
        ("PCM_U8", "8-bit PCM"),
        ("ULAW", "mu-law"),
        ("ALAW", "A-law"),
        ("IMA_ADPCM", "IMA ADPCM"),
        ("MS_ADPCM", "MS ADPCM"),
        ("GSM610", "GSM 6.10"),
    ],
)
def test_unsupported_formats_are_named(tmp_path, subtype, name):
    """A format that is real and not supported is named, with the command that converts it."""
    soundfile.write(tmp_path / "a.wav", NOISE, 16_000, subtype=subtype)
    text = refusal(tmp_path / "a.wav")
    assert f"is {name}, which is not supported" in text
    assert text.endswith("convert: ffmpeg -i a.wav -c:a pcm_s16le out.wav")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30, 12_345.0])
def test_what_is_not_a_sound_is_refused(tmp_path, value):
    """One sample that is not a number ends the recording, and the sentence says where."""
    values = np.zeros(100_000)
    values[70_003] = value
    soundfile.write(tmp_path / "a.wav", values, 16_000, subtype="DOUBLE")
    assert f"has {value:g} as sample 70003, full scale being 1.0" in refusal(tmp_path / "a.wav")


def test_samples_behind_the_header_are_not_passed_over(tmp_path):
    """A header that counts too few samples is refused; further chunks and a remnant are not."""
    path, long = tmp_path / "a.wav", np.tile(NOISE, 100_000 // len(NOISE) + 1)
    whole = wav_bytes(long)
    for riff_bytes, data_bytes in ((32_036, 32_000), (len(whole) - 8, 32_000)):
        head = bytearray(whole)
        struct.pack_into("<I", head, 4, riff_bytes)
        struct.pack_into("<I", head, 40, data_bytes)
        path.write_bytes(head)
        assert "was never finished: its header promises 32044 bytes" in refusal(path)
    for behind in (b"LIST" + struct.pack("<I", 100_001) + bytes(100_002), b"junk", bytes(5_000)):
        path.write_bytes(whole + behind)
        assert open_wav_or_flac(path).samples == len(long)


def test_files_that_can_not_be_read(tmp_path):
    """Not found, a folder, a pipe and a file that goes away are input/output errors."""
    os.mkfifo(tmp_path / "pipe.wav")  # which nobody writes to, and is not waited for
    for name in ("nothing.wav", ".", "pipe.wav"):
        with pytest.raises(InputOutputError):
            open_wav_or_flac(tmp_path / name)
    (tmp_path / "a.wav").write_bytes(wav_bytes())
    recording = open_wav_or_flac(tmp_path / "a.wav")
    (tmp_path / "a.wav").unlink()
    with pytest.raises(InputOutputError, match="is gone"):
        next(recording.blocks(100))


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "AIFF", "AU", "CAF", "RF64"])
def test_a_file_in_a_pipe_is_no_raw_sound(tmp_path, kind):
    """The header of a file is not listened to as samples: the sentence names its kind."""
    soundfile.write(tmp_path / "a", NOISE, 16_000, format=kind)
    with pytest.raises(BadInputError, match=r"standard input carries an? \w+ file; send raw"):
        next(stdin_blocks(io.BytesIO((tmp_path / "a").read_bytes()), 16_000, 1, 160))


def test_a_flac_file_without_a_length_is_told_apart(tmp_path):
    """An encoder that wrote to a pipe left the number of samples open: nothing was cut off."""
    soundfile.write(tmp_path / "a.flac", NOISE, 16_000)
    data = bytearray((tmp_path / "a.flac").read_bytes())
    data[21] &= 0xF0  # the 36 bits of STREAMINFO that count samples
    data[22:26] = bytes(4)
    (tmp_path / "a.flac").write_bytes(data)
    assert "does not say how long it is; repair it: ffmpeg" in refusal(tmp_path / "a.flac")


class Dribble(io.RawIOBase):
    """A pipe that gives its bytes in pieces of the sizes it is told."""

    def __init__(self, data: bytes, sizes: list[int]) -> None:
        self.data, self.sizes, self.turn = data, sizes, 0

    def read(self, count: int = -1) -> bytes:
        """Some bytes, never more than asked for."""
        size = min(count, self.sizes[self.turn % len(self.sizes)])
        self.turn += 1
        part, self.data = self.data[:size], self.data[size:]
        return part


@settings(deadline=None)  # a busy disk is slow
@given(
    pcm=arrays(np.int16, st.tuples(st.integers(0, 300), st.integers(1, 3))),
    sizes=st.lists(st.integers(1, 97), min_size=1, max_size=20),
    block_samples=st.integers(1, 128),
)
def test_a_pipe_may_break_its_bytes_anywhere(pcm, sizes, block_samples):
    """The samples and the blocks are the same however the pipe hands over its bytes."""
    stream = Dribble(pcm.tobytes(), sizes)
    blocks = list(stdin_blocks(stream, 16_000, pcm.shape[1], block_samples))
    assert [block.start for block in blocks] == list(range(0, len(pcm), block_samples))
    found = np.concatenate([np.zeros(0, np.int16), *(block.pcm for block in blocks)])
    assert np.abs(found - pcm.mean(axis=1)).max(initial=0) <= 0.5
    if pcm.shape[1] == 1:
        np.testing.assert_array_equal(found, pcm[:, 0])


def test_an_incomplete_sample_is_ignored_with_one_line(caplog):
    """Bytes after the last whole sample are left out and told once."""
    stream = io.BytesIO(NOISE[:1_000].tobytes() + b"\x01\x02\x03")
    with caplog.at_level(logging.WARNING):
        blocks = list(stdin_blocks(stream, 16_000, 2, 100))
    assert sum(len(block.pcm) for block in blocks) == 500
    assert [record.getMessage() for record in caplog.records] == [
        "standard input ended inside a sample: ignored 3 bytes"
    ]


def test_a_wav_file_on_standard_input_is_refused():
    """A header is not played as noise: the sentence says what to send instead."""
    with pytest.raises(BadInputError, match="arecord -t raw"):
        next(stdin_blocks(io.BytesIO(wav_bytes()), 16_000, 1, 1_600))


def test_a_pipe_that_never_waits_is_refused():
    """A non-blocking pipe, which would keep a core busy, is an input/output error."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with (
        io.FileIO(reading, "rb") as stream,
        pytest.raises(InputOutputError, match="non-blocking"),
    ):
        next(stdin_blocks(stream, 16_000, 1, 1_600))
    os.close(writing)


@settings(deadline=None)  # a busy disk is slow
@given(
    lengths=st.lists(st.integers(0, 3_000), max_size=30),
    delays_s=st.lists(st.floats(0, 5), min_size=1),
)
def test_paced_samples_come_when_they_would_have_been_recorded(lengths, delays_s):
    """Blocks come as their last sample is due; what a slow consumer missed comes as one piece."""
    now, size = [100.0], 250
    naps: list[float] = []

    def sleep(seconds: float) -> None:
        naps.append(seconds)
        now[0] += seconds

    pcm = np.arange(sum(lengths)).astype(np.int16)
    starts = [sum(lengths[:k]) for k in range(len(lengths))]
    blocks = [
        AudioBlock(pcm[at : at + n], 1_000, 500 + at) for n, at in zip(lengths, starts, strict=True)
    ]
    ends = {at + n for n, at in zip(lengths, starts, strict=True)}
    free_s, at, pieces = now[0], 0, []
    delays = itertools.cycle(delays_s)
    for piece in paced(iter(blocks), size, lambda: now[0], sleep):
        assert piece.start == 500 + at
        at += len(piece.pcm)
        pieces.append(piece.pcm)
        due_s = 100.0 + at / 1_000
        assert now[0] == pytest.approx(max(due_s, free_s), abs=1e-3)
        assert len(piece.pcm) <= size or due_s <= free_s + 1e-3
        if len(piece.pcm) < size:
            assert at in ends
        now[0] += next(delays)
        free_s = now[0]
    np.testing.assert_array_equal(np.concatenate([*pieces, np.zeros(0, np.int16)]), pcm)
    assert all(nap > 0 for nap in naps)


def test_a_paced_recording_is_caught_up_with_at_once():
    """A second that nobody asked for is one piece, not ten."""
    now_s = 0.0
    block = AudioBlock(np.zeros(3_000, np.int16), 1_000, 0)

    def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    pieces = paced([block], 100, lambda: now_s, sleep)
    assert len(next(pieces).pcm) == 100
    now_s = 1.26
    assert len(next(pieces).pcm) == 1_100
    assert len(next(pieces).pcm) == 100
    assert now_s == pytest.approx(1.3)
