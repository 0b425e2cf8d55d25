"""Shapes of the networks, apart from them: what only needs a shape does not load TensorFlow.

Every network is the same convolutional front and a trunk of its own behind it, hears equally
far into the past and the future, and so takes the same place in a bundle.
"""

from abc import ABC, abstractmethod
from dataclasses import asdict, dataclass
from typing import Any, Literal

from edge.errors import BadInputError, UsageError

# Twelve steps, 0.48 s: with the 0.37 s that a network hears ahead, a score is at most 0.85 s
# behind the sound. Fewer steps cost more arithmetic a second, more cost latency.
PATCH_STEPS = 12
NETWORK_FILE = "network.json"  # a training's shape, beside its weights


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkConfig(ABC):
    """What all networks share: the front.

    Attributes:
        bands: features a frame.
        labels: outputs a step.
        stem: channels of the first convolution.
        blocks: (channels, stride in time, stride in frequency) of each 2-D block.
        trunk: channels that the front hands to the trunk.
        dropout: share of the trunk's channels dropped in training.
    """

    bands: int = 40
    labels: int = 6
    stem: int = 16
    blocks: tuple[tuple[int, int, int], ...] = ((24, 1, 1), (32, 2, 2), (48, 1, 2), (64, 1, 1))
    trunk: int = 88
    dropout: float = 0.1

    @property
    @abstractmethod
    def architecture(self) -> str:
        """Name of the network, a key of CONFIGS."""

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

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, the architecture among them."""
        return {"architecture": self.architecture} | asdict(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class CnnConfig(NetworkConfig):
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
        """Long: the context at the edges is paid for once a stretch."""
        return 128

    def piece_steps(self, steps: int) -> int:
        """A scene in one piece."""
        return steps


@dataclass(frozen=True, kw_only=True, slots=True)
class RnnConfig(NetworkConfig):
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
class TransformerConfig(NetworkConfig):
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


CONFIGS: dict[str, NetworkConfig] = {
    "cnn": CnnConfig(),
    "gru": RnnConfig(cell="gru"),
    "lstm": RnnConfig(cell="lstm"),
    "transformer": TransformerConfig(),
}


def default_config(architecture: str) -> NetworkConfig:
    """The usual shape of an architecture; UsageError when there is none of that name."""
    if architecture not in CONFIGS:
        raise UsageError(f"no architecture {architecture!r}; choose one of {', '.join(CONFIGS)}")
    return CONFIGS[architecture]


def config_from_dict(values: dict[str, Any]) -> NetworkConfig:
    """Read what `to_dict` wrote, also after JSON made lists of its tuples."""
    rest = {name: _tuples(value) for name, value in values.items() if name != "architecture"}
    kind = type(default_config(str(values.get("architecture"))))
    try:
        return kind(**rest)
    except TypeError as error:
        raise BadInputError(f"shape of a network: {error}; train it again") from error


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
