"""The queue between the thread that captures and the one that listens."""

import math
import queue

import numpy as np

from edge.daemon.pace import BLOCKS_PER_SECOND
from edge.records import AudioBlock

Item = AudioBlock | None  # None: the session is over
KNOCK = AudioBlock(np.zeros(0, np.int16), 1, 0)  # no sound: there is something else to do


class BlockQueue(queue.Queue[Item]):
    """A queue that is full by time, however long its blocks are.

    Its sizes count blocks of a tenth of a second; what is bound together counts as all of them.
    """

    def _init(self, maxsize: int) -> None:
        super()._init(maxsize)
        self._size = 0

    def _qsize(self) -> int:
        return self._size

    def _put(self, item: Item) -> None:
        super()._put(item)
        self._size += _blocks(item)

    def _get(self) -> Item:
        item: Item = super()._get()
        self._size -= _blocks(item)
        return item


def _blocks(item: Item) -> int:
    """At least one: a queue of size 0 is empty."""
    if item is None:
        return 1
    return max(1, math.ceil(len(item.pcm) * BLOCKS_PER_SECOND / item.rate_hz))
