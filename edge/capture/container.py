"""What holds the samples: refuse a file that is not what its name says, or not all there."""

import os
import struct
from pathlib import Path
from typing import BinaryIO

from edge.errors import BadInputError

AGAIN = "copy or record it again"
_UNSUPPORTED_WAV = {
    0x02: "MS ADPCM",
    0x06: "A-law",
    0x07: "mu-law",
    0x11: "IMA ADPCM",
    0x31: "GSM 6.10",
    0x55: "MP3",
    0xFF: "AAC",
}
_OTHER_FILES = {
    b"OggS": "an Ogg file",
    b"FORM": "an AIFF file",
    b"ID3": "an MP3 file, or another behind an ID3 tag",
    b"\xff\xfb": "an MP3 file",
    b"\xff\xf3": "an MP3 file",
    b"\xff\xf2": "an MP3 file",
    b"\xff\xf1": "an AAC file",
    b"\xff\xf9": "an AAC file",
    b"RIFF": "a RIFF file without sound",
    b"riff": "a Wave64 file",
    b"caff": "a CAF file",
    b".snd": "an AU file",
    b"#!AMR": "an AMR file",
    b"\x1a\x45\xdf\xa3": "a Matroska or WebM file",
}
_MP4_BRAND = b"ftyp"  # behind the length of the first box
# Bytes behind the last chunk that some programs leave there; samples are more.
_MOST_REMNANT = 65_536
_LENGTH_UNKNOWN = 0xFFFFFFFF  # the length is in the ds64 chunk of a 64-bit header


def refuse_bad_container(file: BinaryIO, size: int, path: Path) -> None:
    """Check what holds the samples.

    Args:
        file: an open file, at its first byte.
        size: its length in bytes.
        path: its name, for the text of an error.

    Raises:
        BadInputError: neither WAV nor FLAC, a sample format that is not supported, or a
            WAV file whose header does not agree with its length.
    """
    if size == 0:
        raise BadInputError(f"{path} is empty; copy or record it again")
    head = file.read(12)
    if _is_wave(head):
        _refuse_bad_riff(file, head, size, path)
    elif head[:4] != b"fLaC":
        if other := _other_file(head):
            raise BadInputError(f"{path} is {other}, not WAV or FLAC; convert: {remedy(path)}")
        text = all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head)
        kind = "text" if text else f"something that begins with {head!r}"
        raise BadInputError(f"{path} is {kind}, not WAV or FLAC; name a recording")


def kind_of_file(head: bytes) -> str:
    """What a file of sound begins like, in words; empty for what may be raw samples.

    Args:
        head: its first 12 bytes.
    """
    if _is_wave(head):
        return "a WAV file"
    return "a FLAC file" if head[:4] == b"fLaC" else _other_file(head)


def _is_wave(head: bytes) -> bool:
    return head[:4] in (b"RIFF", b"RIFX", b"RF64") and head[8:] == b"WAVE"


def _other_file(head: bytes) -> str:
    if head[4:8] == _MP4_BRAND:
        return "an MP4 or M4A file"
    return next((kind for magic, kind in _OTHER_FILES.items() if head.startswith(magic)), "")


def _refuse_bad_riff(file: BinaryIO, head: bytes, size: int, path: Path) -> None:
    """Walk the chunks of a WAV file; libsndfile itself plays a truncated one in silence."""
    order = ">" if head[:4] == b"RIFX" else "<"
    riff_bytes: int = struct.unpack(order + "I", head[4:8])[0]
    data_bytes = -1  # of a 64-bit header
    has_format = False
    while len(chunk := file.read(8)) == 8:
        name, length = struct.unpack(order + "4sI", chunk)
        if name in (b"ds64", b"fmt "):
            fields = file.read(16)
            length -= 16
            if len(fields) < 16 or length < 0:
                break
            if name == b"fmt ":
                _refuse_bad_format(fields, order, path)
                has_format = True
            else:
                riff_bytes, data_bytes = struct.unpack("<QQ", fields)
        elif name == b"data":
            if length == _LENGTH_UNKNOWN and data_bytes >= 0:
                length = data_bytes
            if not has_format:
                raise BadInputError(f"{path} has no format chunk before its samples; {AGAIN}")
            _refuse_bad_length(length, riff_bytes, file.tell(), size, path)
            file.seek(length + length % 2, os.SEEK_CUR)
            _refuse_hidden_samples(file, order, size, path)
            return
        file.seek(length + length % 2, os.SEEK_CUR)  # chunks begin at even places
    raise BadInputError(f"{path} has a damaged header and holds no samples; {AGAIN}")


def _refuse_bad_format(fields: bytes, order: str, path: Path) -> None:
    tag, channels, _, _, align, bits = struct.unpack(order + "HHIIHH", fields)
    if tag in _UNSUPPORTED_WAV:
        raise unsupported(path, _UNSUPPORTED_WAV[tag])
    if tag not in (1, 3, 0xFFFE):  # PCM, float, extensible
        raise unsupported(path, f"format 0x{tag:04x}")
    if channels == 0 or align == 0:
        raise BadInputError(f"{path} has {channels} channels of {bits} bits; {AGAIN}")
    if bits == 8:
        raise unsupported(path, "8-bit PCM")


def _refuse_bad_length(length: int, riff_bytes: int, begin: int, size: int, path: Path) -> None:
    """`length` bytes of samples should lie at `begin` of a file of `size` bytes."""
    # A recorder that was killed, or that wrote to a pipe, leaves 0 or far too much.
    unfinished = length == 0 and riff_bytes + 8 <= begin < size
    # Some writers count the 8 bytes before the count itself; every sample is there.
    if begin + length > size or riff_bytes > size or unfinished:
        promised = begin if unfinished else max(begin + length, riff_bytes + 8)
        raise BadInputError(
            f"{path} is cut short or was never finished: its header promises {promised} bytes and "
            f"it has {size}; copy it again, or repair it: sox --ignore-length {path.name} out.wav"
        )


def _refuse_hidden_samples(file: BinaryIO, order: str, size: int, path: Path) -> None:
    """What follows the samples is further chunks: a recorder that was killed may count too few."""
    promised = at = file.tell()
    while size - at > _MOST_REMNANT:
        name, length = struct.unpack(order + "4sI", file.read(8))
        at = file.seek(length + length % 2, os.SEEK_CUR)
        if not all(32 <= byte < 127 for byte in name) or at > size + 1:
            raise BadInputError(
                f"{path} was never finished: its header promises {promised} bytes and it has "
                f"{size}; repair it: sox --ignore-length {path.name} out.wav"
            )


def remedy(path: Path, option: str = "") -> str:
    """The command that converts `path` to what can be read."""
    return f"ffmpeg -i {path.name} {option}-c:a pcm_s16le out.wav"


def unsupported(path: Path, kind: str) -> BadInputError:
    """The error for a sample format that is not supported; `kind` is its name."""
    return BadInputError(
        f"{path} is {kind}, which is not supported (PCM of 16, 24 or 32 bits, float and FLAC "
        f"are); convert: {remedy(path)}"
    )
