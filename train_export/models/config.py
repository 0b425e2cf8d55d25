"""Shapes of the networks, apart from them: what only needs a shape does not load TensorFlow."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class CnnConfig:
    """Shape of the network.

    Attributes:
        bands: features a frame.
        labels: outputs a step.
        stem: channels of the first convolution.
        blocks: (channels, stride in time, stride in frequency) of each 2-D block.
        trunk: channels of the 1-D trunk.
        dilations: of its blocks, in steps.
        dropout: share of the trunk's channels dropped in training.
    """

    bands: int = 40
    labels: int = 6
    stem: int = 16
    blocks: tuple[tuple[int, int, int], ...] = ((24, 1, 1), (32, 2, 2), (48, 1, 2), (64, 1, 1))
    trunk: int = 88
    dilations: tuple[int, ...] = (1, 2, 4, 8)
    dropout: float = 0.1

    @property
    def step_frames(self) -> int:
        """Feature frames between two scores."""
        stride = 2
        for _, time, _ in self.blocks:
            stride *= time
        return stride

    @property
    def receptive_frames(self) -> int:
        """Feature frames that one score sees."""
        seen, jump = 5, 2
        for _, time, _ in self.blocks:
            seen += 2 * jump
            jump *= time
        return seen + sum(2 * dilation * jump for dilation in self.dilations)

    def patch_frames(self, steps: int) -> int:
        """Feature frames that give `steps` scores."""
        return self.receptive_frames + (steps - 1) * self.step_frames


@dataclass(frozen=True, kw_only=True, slots=True)
class ScreenConfig:
    """Shape of the network that scores a stretch of lung sound as a whole.

    Attributes:
        frames: feature frames of a patch.
        bands: features a frame.
        labels: outputs.
        blocks: (channels, stride) of each convolution.
        dropout: share of the embedding dropped in training.
    """

    frames: int = 200
    bands: int = 40
    labels: int = 2
    blocks: tuple[tuple[int, int], ...] = ((16, 2), (24, 2), (40, 2), (64, 1))
    dropout: float = 0.2

    @property
    def embedding(self) -> int:
        """Values of the embedding."""
        return 2 * self.blocks[-1][0]


@dataclass(frozen=True, kw_only=True, slots=True)
class ClipConfig:
    """Shape of the network that scores a whole patch at once.

    Attributes:
        bands: features a frame.
        labels: outputs.
        patch_frames: feature frames of a patch.
        stem: channels of the first convolution.
        stages: (channels, residual blocks) of each stage; each halves time and frequency.
        dropout: share of the pooled channels dropped in training.
    """

    bands: int = 40
    labels: int = 18
    patch_frames: int = 192
    stem: int = 16
    stages: tuple[tuple[int, int], ...] = ((32, 1), (64, 1))
    dropout: float = 0.3
