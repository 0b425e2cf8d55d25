"""Sound from a file or from standard input, as the same blocks from each.

Every source becomes mono int16: 16-bit mono unchanged, wider samples rounded, channels
mixed by their mean. A file streams, so a night needs no more memory than a second. What
a decoder would pass over in silence (a recording that ends early, a header that was
never completed, a sample that is not a number) is refused here in words.
"""

from edge.capture.recording import Recording, open_wav_or_flac
from edge.capture.stream import paced, stdin_blocks

__all__ = ["Recording", "open_wav_or_flac", "paced", "stdin_blocks"]
