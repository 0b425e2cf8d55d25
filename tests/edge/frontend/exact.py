"""The frontend's stages on one frame in Python's integers, which have no limit.

Written from the stages' definition, a scalar at a time; asserts that what the C core keeps
in 32 and 64 bits fits there.
"""

from edge.frontend import FrontendSpec, FrontendTables

I32 = 1 << 31
I64 = 1 << 63


def _i32(x: int) -> int:
    assert -I32 <= x < I32
    return x


def _i64(x: int) -> int:
    assert -I64 <= x < I64
    return x


def _rounded_shift(x: int, bits: int) -> int:
    return (_i64(x) + (1 << (bits - 1))) >> bits


def _rounded_quotient(x: int, divisor: int) -> int:
    return (2 * _i64(x) + divisor) // (2 * divisor)


def _twist(re: int, im: int, w_re: int, w_im: int) -> tuple[int, int]:
    return (
        _i32(_rounded_shift(re * w_re - im * w_im, 30)),
        _i32(_rounded_shift(re * w_im + im * w_re, 30)),
    )


def features(frame: list[int], spec: FrontendSpec, tables: FrontendTables) -> list[int]:
    """The kept bands or cepstra of one frame of int16 values."""
    w_re, w_im = tables.twiddle_re_q30.tolist(), tables.twiddle_im_q30.tolist()
    mean = _rounded_quotient(sum(frame), len(frame))
    shift = 29 - max(abs(x - mean) for x in frame).bit_length()
    fine_mean = _rounded_quotient(sum(frame) << shift, len(frame))
    windowed = [
        _i32(_rounded_shift(_i32((x << shift) - fine_mean) * w, 30))
        for x, w in zip(frame, tables.window_q30.tolist(), strict=True)
    ]
    windowed += [0] * (spec.fft_size - len(frame))
    re, im = _half_size_fft(windowed, tables.bit_reversal.tolist(), w_re, w_im)
    power = _powers(re, im, w_re, w_im)
    bands = _bands(power, tables)
    offset = tables.log_offset_q20.tolist()[0]
    log = [_log(x, 2 * shift, offset, tables.log2_q20.tolist()) for x in bands]
    if spec.output == "mfcc":
        out = [
            _rounded_shift(sum(a * b for a, b in zip(row, log, strict=True)), 30)
            for row in tables.dct_q30.tolist()
        ]
    else:
        out = [log[index] for index in spec.indices if index < spec.mel_bands]
    return [max(-32_768, min(32_767, _rounded_shift(x, 13))) for x in out]


def _half_size_fft(
    x: list[int], order: list[int], w_re: list[int], w_im: list[int]
) -> tuple[list[int], list[int]]:
    half = len(x) // 2
    re, im = [x[2 * i] for i in order], [x[2 * i + 1] for i in order]
    size = 1
    while size < half:
        for first in range(0, half, 2 * size):
            for k in range(size):
                w = k * len(x) // (2 * size)
                a, b = first + k, first + k + size
                t_re, t_im = _twist(re[b], im[b], w_re[w], w_im[w])
                re[a], re[b] = _i32(re[a] + t_re) >> 1, _i32(re[a] - t_re) >> 1
                im[a], im[b] = _i32(im[a] + t_im) >> 1, _i32(im[a] - t_im) >> 1
        size *= 2
    return re, im


def _powers(re: list[int], im: list[int], w_re: list[int], w_im: list[int]) -> list[int]:
    half = len(re)
    out = []
    for k in range(half + 1):
        a, b = k % half, (half - k) % half
        even_re, even_im = _i32(re[a] + re[b]) >> 1, _i32(im[a] - im[b]) >> 1
        odd_re, odd_im = _i32(im[a] + im[b]) >> 1, _i32(re[b] - re[a]) >> 1
        w = (w_re[k], w_im[k]) if k < half else (-(1 << 30), 0)
        t_re, t_im = _twist(odd_re, odd_im, *w)
        x_re, x_im = _i32(even_re + t_re) >> 1, _i32(even_im + t_im) >> 1
        out.append(_rounded_shift(x_re * x_re + x_im * x_im, 10))
    return out


def _bands(power: list[int], tables: FrontendTables) -> list[int]:
    edges, rise = tables.mel_edges.tolist(), tables.mel_rise_q15.tolist()
    out = []
    for left, centre, right in zip(edges, edges[1:], edges[2:], strict=False):
        rising = sum(power[i] * rise[i] for i in range(left, centre))
        falling = sum(power[i] * ((1 << 15) - rise[i]) for i in range(centre, right))
        _i64(sum(power[centre:right]) << 15)
        out.append(_i64(rising + falling))
    return out


def _log(power: int, twice_shift: int, offset: int, table: list[int]) -> int:
    if power == 0:
        return 0
    exponent = power.bit_length() - 1
    fraction = ((power << 30) >> exponent) - (1 << 30)
    index, rest = fraction >> 22, fraction & ((1 << 22) - 1)
    log = table[index] + _rounded_shift((table[index + 1] - table[index]) * rest, 22)
    return max(0, _i32(_i32(log + (exponent << 20)) + offset - (twice_shift << 20)))
