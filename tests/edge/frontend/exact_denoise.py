"""The denoisers in Python's integers, which have no limit, a scalar at a time.

Written from the stages' definition; asserts that what the C keeps in 16, 32 and 64 bits fits
there. Each takes a whole stream from its start.
"""

from collections import deque

from edge.frontend.spectral import SpectralTables
from edge.frontend.wavelet import WaveletTables


def _fits(x: int, bits: int) -> int:
    assert -(1 << (bits - 1)) <= x < 1 << (bits - 1), f"{x} leaves {bits} bits"
    return x


def _i32(x: int) -> int:
    return _fits(x, 32)


def _rounded_shift(x: int, bits: int) -> int:
    return _fits(_fits(x, 64) + (1 << (bits - 1)), 64) >> bits


def _saturated(x: int) -> int:
    return max(-32_768, min(32_767, x))


Z = tuple[int, int]


def _times(z: Z, w: Z) -> Z:
    re, im = _fits(z[0] * w[0], 64), _fits(z[1] * w[1], 64)
    cross, other = _fits(z[0] * w[1], 64), _fits(z[1] * w[0], 64)
    return _i32(_rounded_shift(re - im, 30)), _i32(_rounded_shift(cross + other, 30))


def _half(x: int) -> int:
    return _i32(x) >> 1


class _Transform:
    def __init__(self, tables: SpectralTables) -> None:
        turn = tables.turn
        self.half = turn.fft_size // 2
        bits = self.half.bit_length() - 1
        self.order = [int(f"{i:0{bits}b}"[::-1], 2) for i in range(self.half)]
        re, im = turn.twiddle_re_q30.tolist(), turn.twiddle_im_q30.tolist()
        self.w = [*zip(re, im, strict=True), (-(1 << 30), 0)]

    def _complex(self, values: list[Z]) -> list[Z]:
        z = [values[i] for i in self.order]
        size = 1
        while size < self.half:
            for first in range(0, self.half, 2 * size):
                for k in range(size):
                    a = z[first + k]
                    t = _times(z[first + k + size], self.w[k * self.half // size])
                    z[first + k] = _half(a[0] + t[0]), _half(a[1] + t[1])
                    z[first + k + size] = _half(a[0] - t[0]), _half(a[1] - t[1])
            size *= 2
        return z

    def forward(self, x: list[int]) -> list[Z]:
        z = self._complex(list(zip(x[0::2], x[1::2], strict=True)))
        out = []
        for k, w in enumerate(self.w):
            a, b = z[k % self.half], z[-k % self.half]
            even = _half(a[0] + b[0]), _half(a[1] - b[1])
            t = _times((_half(a[1] + b[1]), _half(b[0] - a[0])), w)
            out.append((_half(even[0] + t[0]), _half(even[1] + t[1])))
        return out

    def inverse(self, x: list[Z]) -> list[int]:
        packed = []
        for k, w in enumerate(self.w[:-1]):
            a, b = x[k], x[self.half - k]
            even = _half(a[0] + b[0]), _half(a[1] - b[1])
            odd = _times((_half(a[0] - b[0]), _half(a[1] + b[1])), (w[0], -w[1]))
            packed.append((_i32(even[1] + odd[0]), _i32(even[0] - odd[1])))
        return [part for z in self._complex(packed) for part in (z[1], z[0])]


def spectral(pcm: list[int], tables: SpectralTables) -> list[int]:
    """The frequency-domain denoiser's samples."""
    transform = _Transform(tables)
    half = transform.half
    window = tables.window_q30.tolist()
    log2, gain_of = tables.log2_q20.tolist(), tables.gain_q15.tolist()
    smooth: list[int] = []
    noise: list[int] = []
    gain = [1 << 15] * (half + 1)
    overlap = [0] * half
    out: list[int] = []
    stream = [0] * half + pcm
    for start in range(0, len(stream) - 2 * half + 1, half):
        frame = stream[start : start + 2 * half]
        shift = 28 - max(abs(x) for x in frame).bit_length()
        scaled = [_i32(x * _i32(1 << shift)) for x in frame]
        x = [_i32(_rounded_shift(a * w, 30)) for a, w in zip(scaled, window, strict=True)]
        bins = transform.forward(x)
        powers = [_fits(re * re + im * im, 64) for re, im in bins]
        powers = [powers[1], *powers, powers[-2]]
        for k in range(half + 1):
            power = _fits(powers[k] + 2 * powers[k + 1] + powers[k + 2], 64) >> 2
            exponent = max(power.bit_length() - 1, 0)
            index = ((power << 8) >> exponent) & 255
            log = _i32(_i32(log2[index] + (exponent << 20)) - (2 * shift << 20))
            if start == 0:
                smooth.append(log)
                noise.append(log)
            smooth[k] = _i32(smooth[k] + (_i32(log - smooth[k]) >> 2))
            change = _i32(smooth[k] - noise[k])
            noise[k] = _i32(noise[k] + (change >> (9 if change > 0 else 3)))
            noise[k] = max(noise[k], tables.least_q20)
            above = _i32(_i32(log - noise[k]) - tables.bias_q20)
            wanted = gain_of[max(0, min(255, above >> 15))]
            gain[k] = max(wanted, gain[k] + ((wanted - gain[k]) >> 2))
            assert 0 <= gain[k] < 1 << 16
            re, im = bins[k]
            bins[k] = _rounded_shift(re * gain[k], 15), _rounded_shift(im * gain[k], 15)
        up = 28 - max(abs(part) for z in bins for part in z).bit_length()
        bins = [(_i32(re * _i32(1 << up)), _i32(im * _i32(1 << up))) for re, im in bins]
        down = min(62, 30 - 8 - half.bit_length() + shift + up)
        pieces = [
            _i32(_rounded_shift(_i32(a) * w, down))
            for a, w in zip(transform.inverse(bins), window, strict=True)
        ]
        if start > 0:
            for a, b in zip(pieces[:half], overlap, strict=True):
                out.append(_saturated(_rounded_shift(_i32(a + b), 8)))
        overlap = pieces[half:]
    return out


def wavelet(pcm: list[int], tables: WaveletTables) -> list[int]:
    """The wavelet denoiser's samples."""
    smooth, details = pcm, []
    for level, factor in enumerate(tables.factor_q8.tolist()):
        smooth, detail = _split(smooth)
        details.append(_shrunk(detail, factor, 12 - level))
    for level, detail in reversed(list(enumerate(details))):
        waiting = 4 << (tables.levels - 1 - level)
        assert len(detail) - len(smooth) <= waiting  # the C's ring
        smooth = _joined(smooth, detail)
    return [_saturated(x) for x in smooth]


def _split(x: list[int]) -> tuple[list[int], list[int]]:
    smooth, details, last = [], [], 0
    for n in range((len(x) - 1) // 2 if x else 0):
        detail = _i32(x[2 * n + 1] - (_i32(x[2 * n] + x[2 * n + 2]) >> 1))
        smooth.append(_i32(x[2 * n] + (_i32(last + detail + 2) >> 2)))
        details.append(detail)
        last = detail
    return smooth, details


def _shrunk(details: list[int], factor: int, last: int) -> list[int]:
    if factor == 0:
        return details
    median = level = turns = 0
    rose = False
    out = []
    for detail in details:
        magnitude = _i32(abs(detail) << 8)
        rises = magnitude > median
        if rises != rose and 3 + (turns >> 3).bit_length() < last:
            turns = _fits(turns + 1, 16)
        rose = rises
        step = (median >> min(last, 3 + (turns >> 3).bit_length())) + 1
        median = _i32(max(0, median + step if rises else median - step))
        level = _i32(level + (_i32(magnitude - level) >> (1 if magnitude > level else 3)))
        noise = _i32(_fits(median * median, 64) // max(level, median, 1))
        threshold = _i32(_rounded_shift(noise * factor, 16))
        kept = max(0, abs(detail) - threshold)
        out.append(-kept if detail < 0 else kept)
    return out


def _joined(smooth: list[int], details: list[int]) -> list[int]:
    waiting = deque(details)
    out: list[int] = []
    last_even, last_detail = None, 0
    for value in smooth:
        detail = waiting.popleft()
        even = _i32(value - (_i32(last_detail + detail + 2) >> 2))
        if last_even is not None:
            out += [last_even, _i32(last_detail + (_i32(last_even + even) >> 1))]
        last_even, last_detail = even, detail
    return out
