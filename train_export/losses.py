"""What a training minimises: our labels' loss, and the teacher's where there is one."""

from collections.abc import Callable

import keras

from train_export.taxonomy import ROOM_LABELS
from train_export.teacher import CLASSES, HOP_STEPS, WINDOW_STEPS

# Coughs are what the product counts; speech and the rest are there to be told from them, and
# their labels cover whole clips, pauses included.
LABEL_WEIGHTS = {
    "cough": 2.0,
    "sneeze": 0.6,
    "snore": 0.6,
    "breath": 0.4,
    "speech": 0.3,
    "other": 0.2,
}
OWN_WEIGHT = 2.0  # labels of one's own are there to be found
# Of the teacher's classes, summed, at the beginning: about a third of what the labels' loss is.
# It falls to nothing at the end, so that the labels have the last word.
TEACHER_WEIGHT = 0.01
Loss = Callable[[keras.KerasTensor, keras.KerasTensor], keras.KerasTensor]


def weighted_loss(labels: tuple[str, ...]) -> Loss:
    """Binary cross-entropy of logits, a weight a label."""
    known = ("other",) if labels != ROOM_LABELS else ROOM_LABELS
    weights = [LABEL_WEIGHTS[label] if label in known else OWN_WEIGHT for label in labels]

    def loss(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        zero = keras.ops.zeros_like(y_pred)
        entropy = keras.ops.maximum(y_pred, zero) - y_pred * y_true
        entropy += keras.ops.log1p(keras.ops.exp(-keras.ops.abs(y_pred)))
        return keras.ops.mean(entropy * keras.ops.convert_to_tensor(weights))

    return loss


def squared_error(y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
    """Mean squared error, for targets that are quantities."""
    return keras.ops.mean(keras.ops.square(y_pred - y_true))


# Name -> the loss for a model's labels.
LOSSES: dict[str, Callable[[tuple[str, ...]], Loss]] = {
    "cross-entropy": weighted_loss,
    "squared-error": lambda labels: squared_error,
}


class TeacherLoss(keras.callbacks.Callback):
    """Binary cross-entropy with a teacher's scores, and the callback that lets it fade."""

    def __init__(self, epochs: int) -> None:
        super().__init__()
        self._epochs = epochs
        self._weight = keras.Variable(TEACHER_WEIGHT, trainable=False)

    def __call__(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        """Weighted sum over the classes of logits and soft targets, [batch, windows, classes]."""
        entropy = keras.ops.binary_crossentropy(y_true, y_pred, from_logits=True)
        return self._weight * keras.ops.mean(keras.ops.sum(entropy, axis=-1))

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Weigh it less; a resumed training finds the same weight by its epoch."""
        self._weight.assign(TEACHER_WEIGHT * (1 - epoch / self._epochs))


def with_teacher(student: keras.Model) -> keras.Model:
    """The student with a second output: logits of the teacher's classes, a window each.

    They are read from the mean and the maximum, over the steps of a window, of what the
    student's own logits are read from; none of it ships.
    """
    trunk = student.get_layer("logits").input  # [batch, steps, 1, channels]
    window = {"pool_size": (WINDOW_STEPS, 1), "strides": (HOP_STEPS, 1)}
    pooled = [
        keras.layers.AveragePooling2D(**window)(trunk),
        keras.layers.MaxPooling2D(**window)(trunk),
    ]
    heard = keras.layers.Conv2D(CLASSES, 1, bias_initializer=keras.initializers.Constant(-5.0))(
        keras.layers.Concatenate()(pooled)
    )
    hints = keras.layers.Reshape((heard.shape[1], CLASSES))(heard)
    return keras.Model(student.inputs, [student.outputs[0], hints])
