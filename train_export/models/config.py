"""Shapes of the networks, apart from them: what only needs a shape does not load TensorFlow.

Networks that score each step are the same convolutional front and a trunk of their own behind
it, hear equally far into the past and the future, and so take the same place in a bundle. The
others score a patch as a whole.
"""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edge.errors import BadInputError, UsageError

# Twelve steps, 0.48 s: with the 0.37 s that a network hears ahead, a score is at most 0.85 s
# behind the sound. Fewer steps cost more arithmetic a second, more cost latency.
PATCH_STEPS = 12
# Scores of a batch of one processor; a training's rate was chosen for them.
BATCH_STEPS = 2048
NETWORK_FILE = "network.json"  # a training's shape, beside its weights


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig(ABC):
    """What the shape of every network says.

    Attributes:
        bands: features a frame.
        labels: outputs of a score.
        dropout: share of the channels before the scores (or in the trunk) dropped in training.
    """

    bands: int = 40
    labels: int = 6
    dropout: float = 0.1

    @property
    @abstractmethod
    def architecture(self) -> str:
        """Name of the network, a key of CONFIGS."""

    @abstractmethod
    def patch_frames(self, steps: int) -> int:
        """Feature frames that give `steps` scores."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, the architecture among them."""
        return {"architecture": self.architecture} | asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepConfig(NetworkConfig):
    """What networks that score each step share: the front.

    Attributes:
        stem: channels of the first convolution.
        blocks: (channels, stride in time, stride in frequency) of each 2-D block.
        trunk: channels that the front hands to the trunk.
    """

    stem: int = 16
    blocks: tuple[tuple[int, int, int], ...] = ((24, 1, 1), (32, 2, 2), (48, 1, 2), (64, 1, 1))
    trunk: int = 88

    @property
    @abstractmethod
    def reach_steps(self) -> int:
        """Positions of the front, beside one, that a score sees."""

    @abstractmethod
    def stretch_steps(self) -> int:
        """Scores of a stretch of training scenes."""

    @abstractmethod
    def piece_steps(self, steps: int) -> int:
        """Scores of the pieces in which a scene of `steps` scores is scored in float."""

    @property
    def step_frames(self) -> int:
        """Feature frames between two scores."""
        stride = 2
        for _, time, _ in self.blocks:
            stride *= time
        return stride

    @property
    def front_frames(self) -> int:
        """Feature frames that one position of the front sees."""
        seen, jump = 5, 2
        for _, time, _ in self.blocks:
            seen += 2 * jump
            jump *= time
        return seen

    @property
    def receptive_frames(self) -> int:
        """Feature frames that one score sees."""
        return self.front_frames + self.reach_steps * self.step_frames

    def patch_frames(self, steps: int) -> int:
        """Feature frames that give `steps` scores."""
        return self.receptive_frames + (steps - 1) * self.step_frames


@dataclass(frozen=True, kw_only=True, slots=True)
class CnnConfig(StepConfig):
    """Dilated convolutions, valid in time: scores do not depend on where a patch begins.

    Attributes:
        dilations: of the trunk's blocks, in steps.
    """

    dilations: tuple[int, ...] = (1, 2, 4, 8)

    @property
    def architecture(self) -> str:
        """The one name."""
        return "cnn"

    @property
    def reach_steps(self) -> int:
        """Both sides of every dilated block."""
        return sum(2 * dilation for dilation in self.dilations)

    def stretch_steps(self) -> int:
        """Long: the context at the edges is paid for once a stretch.

        With a small budget shorter ones learn faster, since a batch then holds more scenes; the
        shipped network was trained long, and on these.
        """
        return 128

    def piece_steps(self, steps: int) -> int:
        """A scene in one piece."""
        return steps


@dataclass(frozen=True, kw_only=True, slots=True)
class RnnConfig(StepConfig):
    """A recurrent layer that begins at the patch's first position and scores its last ones.

    Attributes:
        cell: the recurrent unit.
        units: of the recurrent layer.
        reach_steps: positions before a score that the layer has seen at least.
    """

    cell: Literal["gru", "lstm"] = "gru"
    units: int = 64
    reach_steps: int = 30

    @property
    def architecture(self) -> str:
        """The cell's name."""
        return self.cell

    def stretch_steps(self) -> int:
        """Three patches: a state that goes on for longer suits a stream."""
        return 3 * PATCH_STEPS

    def piece_steps(self, steps: int) -> int:
        """The device's patches: the state begins anew in each."""
        return PATCH_STEPS


@dataclass(frozen=True, kw_only=True, slots=True)
class TransformerConfig(StepConfig):
    """An encoder over the positions of a patch; scores of the last ones.

    Attributes:
        heads: of the attention; they divide `trunk`.
        layers: encoder blocks.
        feed_forward: width of their hidden layer.
        reach_steps: positions before a score that it attends to at least.
    """

    heads: int = 4
    layers: int = 2
    feed_forward: int = 128
    reach_steps: int = 30

    def __post_init__(self) -> None:
        """Refuse heads that do not divide the width."""
        if self.trunk % self.heads:
            raise BadInputError(
                f"a width of {self.trunk} has no {self.heads} equal heads; choose a divisor"
            )

    @property
    def architecture(self) -> str:
        """The one name."""
        return "transformer"

    def stretch_steps(self) -> int:
        """One patch: each of its positions has a place of its own."""
        return PATCH_STEPS

    def piece_steps(self, steps: int) -> int:
        """The device's patches."""
        return PATCH_STEPS


@dataclass(frozen=True, kw_only=True, slots=True)
class WholeConfig(NetworkConfig):
    """What networks that score a patch as a whole share: those of the chest, 1.9 s a patch.

    Attributes:
        frames: feature frames of a patch.
    """

    labels: int = 18
    dropout: float = 0.3
    frames: int = 192

    def patch_frames(self, steps: int) -> int:
        """One patch, one score: `steps` is 1."""
        if steps != 1:
            raise ValueError(f"{self.architecture} gives one score a patch, not {steps=}")
        return self.frames


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipConfig(WholeConfig):
    """Residual convolutions over a patch of lung sound.

    Attributes:
        stem: channels of the first convolution.
        stages: (channels, residual blocks) of each stage; each halves time and frequency.
    """

    stem: int = 16
    stages: tuple[tuple[int, int], ...] = ((32, 1), (64, 1))

    @property
    def architecture(self) -> str:
        """The one name."""
        return "clip_cnn"


@dataclass(frozen=True, kw_only=True, slots=True)
class StemConfig(WholeConfig):
    """The first layers of YAMNet over a patch of lung sound, and one of our own.

    Attributes:
        layers: of YAMNet, 1 to 14.
        own: channels of the last one.
    """

    layers: int = 5
    own: int = 128

    @property
    def architecture(self) -> str:
        """The one name."""
        return "stem_cnn"


# Every architecture and its usual shape; `network.BUILDERS` has what builds it.
STEP_CONFIGS: dict[str, StepConfig] = {
    "cnn": CnnConfig(),
    "gru": RnnConfig(cell="gru"),
    "lstm": RnnConfig(cell="lstm"),
    "transformer": TransformerConfig(),
}
CONFIGS: dict[str, NetworkConfig] = {
    **STEP_CONFIGS,
    "clip_cnn": ClipConfig(),
    "stem_cnn": StemConfig(),
}


def default_config(architecture: str) -> StepConfig:
    """The usual shape of one that scores each step; UsageError when there is none of that name."""
    if architecture not in STEP_CONFIGS:
        known = ", ".join(STEP_CONFIGS)
        raise UsageError(f"no architecture {architecture!r}; choose one of {known}")
    return STEP_CONFIGS[architecture]


def config_from_dict(values: dict[str, Any]) -> NetworkConfig:
    """Read what `to_dict` wrote, also after JSON made lists of its tuples.

    Raises:
        BadInputError: it names no architecture, or not the fields of its shape.
    """
    rest = {name: _tuples(value) for name, value in values.items() if name != "architecture"}
    name = values.get("architecture")
    if name not in CONFIGS:
        raise BadInputError(f"shape of a network: no architecture {name!r}; train it again")
    try:
        return type(CONFIGS[name])(**rest)
    except TypeError as error:
        raise BadInputError(f"shape of a network: {error}; train it again") from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
