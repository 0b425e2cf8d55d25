"""Lays a network out on the stream: which rows each layer keeps, and when it computes one.

The schedule is found by running it on counters: what a layer needs is in the newest rows of
its sources, always at the same distance, or the network does not fit a stream.
"""

from dataclasses import dataclass, field, replace

from edge.card import Layout
from edge.errors import BadInputError
from train_export.codegen.nodes import Addition, Alias, Convolution, Graph, Tensor

MAX_TAPS = 16  # AIRWAY_MODEL_TAPS
NOT_A_STREAM = "the model can't run on a stream"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a layer reads: `lag` rows before a ring's newest, from value `first` of the row on."""

    ring: int
    lag: int
    first: int


@dataclass(frozen=True, slots=True)
class Layer:
    """A node on the stream.

    Attributes:
        node: what it computes.
        sources: the first one sets the pace.
        output: ring.
        begin: rows of the first source up to the first output row.
        stride: rows from one output row to the next.
    """

    node: Convolution | Addition
    sources: tuple[Source, ...]
    output: int
    begin: int
    stride: int


@dataclass(frozen=True, slots=True)
class Ring:
    """The newest rows of a tensor, padded.

    Attributes:
        offset: in the arena, in bytes.
        depth: rows.
        row: values of a row.
        before: values of padding ahead of the first column.
        zero: what padding holds.
    """

    offset: int
    depth: int
    row: int
    before: int
    zero: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A network ready to be written; the first ring is its input's, the last its output's."""

    rings: tuple[Ring, ...]
    layers: tuple[Layer, ...]
    arena_bytes: int


@dataclass(slots=True)
class _Rows:
    """A tensor's rows while the schedule is being found."""

    tensor: Tensor
    before: int = 0  # columns of padding
    after: int = 0
    depth: int = 1
    produced: int = 0


@dataclass(frozen=True, slots=True)
class _View:
    """A tensor as a part of a ring."""

    ring: int
    skipped_rows: int = 0
    before: int = 0


@dataclass(slots=True)
class _Pace:
    """A layer while the schedule is being found."""

    node: Convolution | Addition
    views: tuple[_View, ...]
    output: int
    stride: int
    reach: int  # rows from the first tap to the last
    fired: list[int] = field(default_factory=list)  # rows of the sources at each output row
    lags: set[tuple[int, ...]] = field(default_factory=set)


def plan(graph: Graph, layout: Layout) -> Plan:
    """Find the rings and the schedule.

    Raises:
        BadInputError: the network does not give one score a step from a stream of rows.
    """
    rows, paces = _views(graph)
    _run(rows, paces, layout)
    layers = tuple(_layer(pace, rows) for pace in paces)
    rings, offset = [], 0
    for each in rows:
        channels = each.tensor.channels
        width = (each.before + each.tensor.columns + each.after) * channels
        before = each.before * channels
        rings.append(Ring(offset, each.depth, width, before, each.tensor.zero))
        offset += each.depth * width
    return Plan(tuple(rings), layers, offset)


def _views(graph: Graph) -> tuple[list[_Rows], list[_Pace]]:
    """A ring for each tensor that is computed; what only looks at one becomes a view of it."""
    rows, paces = [_Rows(graph.source)], []
    views = {graph.source.index: _View(0)}
    for node in graph.nodes:
        if isinstance(node, Alias):
            view = views[node.source.index]
            before = view.before + node.padding[0]
            views[node.output.index] = _View(
                view.ring, view.skipped_rows + node.skipped_rows, before
            )
            ring = rows[view.ring]
            ring.before = max(ring.before, before)
            width = node.output.shape[2] if len(node.output.shape) == 4 else 1
            ring.after = max(ring.after, width - before - ring.tensor.columns)
            continue
        views[node.output.index] = _View(len(rows))
        paces.append(_pace(node, views, rows))
        rows.append(_Rows(node.output))
    last = views[graph.output.index]
    if last.ring != len(rows) - 1 or last.skipped_rows or last.before:
        raise BadInputError(f"{NOT_A_STREAM}: its last layer's rows are not its scores")
    return rows, paces


def _pace(node: Convolution | Addition, views: dict[int, _View], rows: list[_Rows]) -> _Pace:
    if isinstance(node, Addition):
        sources = tuple(views[tensor.index] for tensor in node.sources)
        return _Pace(node, sources, len(rows), 1, 0)
    view = views[node.source.index]
    ring = rows[view.ring]
    padded = _View(view.ring, view.skipped_rows, view.before + node.padding[0])
    ring.before = max(ring.before, padded.before)
    ring.after = max(ring.after, node.source.columns + node.padding[1] - view.before
                     - ring.tensor.columns)  # fmt: skip
    if node.taps[0] > MAX_TAPS:
        raise BadInputError(
            f"{NOT_A_STREAM}: a filter spans {node.taps[0]} rows; choose at most {MAX_TAPS}"
        )
    reach = (node.taps[0] - 1) * node.dilation[0]
    return _Pace(node, (padded,), len(rows), node.stride[0], reach)


def _run(rows: list[_Rows], paces: list[_Pace], layout: Layout) -> None:
    """Count rows through two patches, and check that steps come as the card says."""
    steps = []
    for frame in range(1, 2 * layout.patch_frames + 1):
        rows[0].produced += 1
        for pace in paces:
            row = len(pace.fired) * pace.stride
            needed = [row + view.skipped_rows + pace.reach for view in pace.views]
            have = [rows[view.ring].produced for view in pace.views]
            lags = tuple(count - 1 - last for count, last in zip(have, needed, strict=True))
            if min(lags) >= 0:
                pace.fired.append(have[lags.index(0)] if 0 in lags else -1)
                pace.lags.add(lags)
                rows[pace.output].produced += 1
        if rows[-1].produced > len(steps):
            steps.append(frame)
    first = layout.patch_frames - (layout.patch_steps - 1) * layout.step_frames
    expected = list(range(first, 2 * layout.patch_frames + 1, layout.step_frames))
    if steps != expected or layout.before_frames > first - layout.step_frames:
        raise BadInputError(
            f"{NOT_A_STREAM}: it scores after {steps[:3]} frames, its card says {expected[:3]} "
            f"with {layout.before_frames} before the first step"
        )


def _layer(pace: _Pace, rows: list[_Rows]) -> Layer:
    lags = next(iter(pace.lags))
    regular = list(range(pace.fired[0], pace.fired[-1] + 1, pace.stride))
    if len(pace.lags) != 1 or 0 not in lags or pace.fired != regular:
        raise BadInputError(
            f"{NOT_A_STREAM}: the sources of a layer come at different paces; choose one stride"
        )
    sources = []
    for view, lag in zip(pace.views, lags, strict=True):
        ring = rows[view.ring]
        ring.depth = max(ring.depth, lag + pace.reach + 1)
        first = (ring.before - view.before) * ring.tensor.channels
        sources.append(Source(view.ring, lag, first))
    node = pace.node
    if isinstance(node, Addition) and lags[0] > 0:  # the one that is up to date sets the pace
        node = replace(node, sources=node.sources[::-1])
        sources.reverse()
    return Layer(node, tuple(sources), pace.output, pace.fired[0], pace.stride)
