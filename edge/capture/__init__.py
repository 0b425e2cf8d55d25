"""Sound from a file, from standard input or from a microphone, as the same blocks from each.

Every source becomes mono int16: 16-bit mono unchanged, wider samples rounded, channels
mixed by their mean. A file streams, so a night needs no more memory than a second. What
a decoder would pass over in silence (a recording that ends early, a header that was
never completed, a sample that is not a number) is refused here in words. A microphone may
come and go, and the time without it is counted.
"""

from edge.capture.elapsed import elapsed_s
from edge.capture.listing import Input, list_inputs, meter_lines
from edge.capture.microphone import Microphone, MicrophoneFigures
from edge.capture.recording import Recording, open_wav_or_flac
from edge.capture.signal_health import SignalHealth
from edge.capture.stream import paced, stdin_blocks

__all__ = [
    "Input",
    "Microphone",
    "MicrophoneFigures",
    "Recording",
    "SignalHealth",
    "elapsed_s",
    "list_inputs",
    "meter_lines",
    "open_wav_or_flac",
    "paced",
    "stdin_blocks",
]
