"""Four architectures behind one front: equal reach, int8 throughout, streams equal to patches."""

import importlib.util
import json
from dataclasses import replace

import numpy as np
import pytest
from small_network import ATTENTIVE

from edge.errors import BadInputError, UsageError
from train_export import quantize as quantizer
from train_export.cost import multiplications
from train_export.features import BEFORE_FRAMES, FEATURE_SCALE
from train_export.models.config import (
    CONFIGS,
    PATCH_STEPS,
    STEP_CONFIGS,
    CnnConfig,
    RnnConfig,
    TransformerConfig,
    config_from_dict,
    default_config,
)
from train_export.room import in_own_process
from train_export.streaming import StepScorer

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("keras") is None, reason="the train extra is not installed"
)

BLOCKS = ATTENTIVE.blocks
SMALL = {
    "cnn": CnnConfig(blocks=BLOCKS, trunk=16, dilations=(1, 2)),
    "gru": RnnConfig(blocks=BLOCKS, trunk=16, units=16, reach_steps=6),
    "lstm": RnnConfig(blocks=BLOCKS, trunk=16, cell="lstm", units=16, reach_steps=6),
    "transformer": ATTENTIVE,
}
STEPS = 4


def patches(name: str, count: int = 12) -> np.ndarray:
    """Random features of patches, int16 Q8.7, smooth in time as sound is."""
    config = SMALL[name]
    rng = np.random.default_rng(5)
    frames = config.patch_frames(STEPS)
    coarse = rng.uniform(0, 3000, (count, frames // 6 + 2, config.bands))
    return np.repeat(coarse, 6, axis=1)[:, :frames].astype(np.int16)


def as_input(features: np.ndarray) -> np.ndarray:
    """What a float network takes of them."""
    return (features[..., None] * FEATURE_SCALE).astype(np.float32)


def awake(model) -> list[np.ndarray]:
    """Weights under which a signal reaches the logits of an untrained network.

    Biases are no zeros, as after training: of an empty state times zeros the converter leaves a
    split whose second part nothing reads, now and then in float.
    """
    rng = np.random.default_rng(1)
    weights = []
    for variable in model.weights:
        shape = tuple(variable.shape)
        if variable.path.endswith("kernel"):
            inputs = np.prod(shape[:2]) if shape[-1] == 1 else np.prod(shape[:-1])
            weights.append(rng.normal(0, (2 / inputs) ** 0.5, shape))
        elif "recurrent" in variable.path:
            weights.append(variable.numpy() + rng.normal(0, 0.1, shape))
        else:
            weights.append(variable.numpy() + (variable.path.endswith("beta") * 0.1))
    return [np.asarray(weight, np.float32) for weight in weights]


def probe() -> dict[str, dict]:
    """Everything that needs TensorFlow, in one process: it takes long to start."""
    import keras

    from train_export.models.cnn import build_from
    from train_export.models.fake_quant import FakeQuantBlocks
    from train_export.models.network import build
    from train_export.models.rnn import build_step

    keras.utils.set_random_seed(1)
    out: dict[str, dict] = {}
    for name, config in SMALL.items():
        x = as_input(patches(name))
        model = build(config, config.patch_frames(STEPS))
        model.set_weights(awake(model))
        scores = np.asarray(model(x, training=False))
        later = x.copy()
        later[:, config.receptive_frames :] += 1  # beyond what the first score may hear
        moved = np.asarray(model(later, training=False))
        out[name] = {"weights": model.get_weights(), "scores": scores, "later": moved}
        exported = build(config, config.patch_frames(STEPS), batch=1)
        exported.set_weights(model.get_weights())
        rows = [np.asarray(exported(row[None], training=False)) for row in x]
        out[name]["exported"] = np.concatenate(rows)
        if isinstance(config, RnnConfig):
            step = build_step(config)
            step.set_weights(model.get_weights())
            states = [np.zeros((len(x), config.units), np.float32)] * (len(step.inputs) - 1)
            walked, largest = [], 0.0
            for start in range(0, x.shape[1] - config.front_frames + 1, config.step_frames):
                logits, *states = step([x[:, start : start + config.front_frames], *states])
                states = [np.asarray(state) for state in states]
                largest = max(largest, *(float(np.abs(state).max()) for state in states))
                walked.append(np.asarray(logits))
            out[name]["walked"] = np.stack(walked[config.reach_steps :], axis=1)
            out[name]["largest"] = largest
    config = SMALL["cnn"]
    from train_export.finetune import activation_ranges

    x, weights = as_input(patches("cnn")), out["cnn"]["weights"]
    ranges = activation_ranges(weights, config, x)
    rounded = build_from(FakeQuantBlocks(ranges), config, x.shape[1])
    rounded.set_weights(weights)
    out["cnn"]["rounded"] = np.asarray(rounded(x, training=False))
    from train_export.models.norm import EPSILON, BatchNormalization

    values = np.random.default_rng(2).normal(3, 2, (8, 20, 1, 16)).astype(np.float32)
    own, keras_own = BatchNormalization(), keras.layers.BatchNormalization(epsilon=EPSILON)
    for layer, kept in ((own, "norm"), (keras_own, "keras norm")):
        trained = np.asarray(layer(values, training=True))
        out[kept] = {"trained": trained, "after": np.asarray(layer(values, training=False))}
    return out


def stock_norm_model() -> bytes:
    """A model with Keras' own layer norm, converted as ours are."""
    import keras

    inputs = keras.layers.Input(batch_shape=(1, 6, 8), name="features")
    x = keras.layers.Dense(8)(keras.layers.LayerNormalization()(inputs))
    values = np.random.default_rng(0).normal(0, 1, (4, 1, 6, 8)).astype(np.float32)
    model = keras.Model(inputs, x)
    return quantizer.converted(model, lambda: ({"features": value} for value in values))


@pytest.fixture(scope="module")
def probes():
    """The results of `probe`."""
    return in_own_process(probe)


def test_the_fused_norm_is_keras_own(probes):
    """In training and after it: Bessel's correction of 160 values alone tells the moments apart."""
    own, keras_own = probes["norm"], probes["keras norm"]
    np.testing.assert_allclose(own["trained"], keras_own["trained"], atol=1e-4)
    np.testing.assert_allclose(own["after"], keras_own["after"], rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", SMALL)
def test_an_export_computes_what_was_trained(probes, name):
    """The network of a batch of one, which is exported, gives the training's scores."""
    scores = probes[name]["scores"]
    np.testing.assert_allclose(probes[name]["exported"], scores, atol=1e-4 * np.abs(scores).max())


def test_all_take_the_same_place_in_a_bundle():
    """The default shapes have one layout: the look-ahead, the past and the steps are equal."""
    layouts = {
        (config.step_frames, config.patch_frames(PATCH_STEPS)) for config in STEP_CONFIGS.values()
    }
    assert layouts == {(4, 193)}
    after = {config.receptive_frames - BEFORE_FRAMES - 4 for config in STEP_CONFIGS.values()}
    assert after == {37}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_shape_survives_json(name):
    """A shape that was written as JSON reads back equal."""
    config = replace(CONFIGS[name], labels=3)
    assert config_from_dict(json.loads(json.dumps(config.to_dict()))) == config


def test_wrong_shapes_are_refused():
    """An unknown architecture, an unknown field and heads that don't divide are named."""
    with pytest.raises(UsageError, match="'perceptron'"):
        default_config("perceptron")
    with pytest.raises(BadInputError, match="wings"):
        config_from_dict({"architecture": "cnn", "wings": 2})
    with pytest.raises(BadInputError, match="88 has no 3"):
        TransformerConfig(heads=3)


@pytest.mark.parametrize("name", SMALL)
def test_a_network_scores_each_step(probes, name):
    """One row of finite logits a step; patches differ, and so do their scores."""
    scores = probes[name]["scores"]
    assert scores.shape == (12, STEPS, SMALL[name].labels)
    assert np.isfinite(scores).all()
    assert np.ptp(scores, axis=0).min() > 1e-3


@pytest.mark.parametrize("name", ["cnn", "gru", "lstm"])
def test_a_score_hears_no_further_than_stated(probes, name):
    """The first score ignores what lies beyond its look-ahead; the last one does not."""
    moved = np.abs(probes[name]["later"] - probes[name]["scores"]).max(axis=(0, 2))
    assert moved[0] < 1e-5 < 1e-3 < moved[-1]


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_the_step_network_walks_to_the_same_scores(probes, name):
    """Step by step with its state carried along, a recurrent network says the same."""
    np.testing.assert_allclose(probes[name]["walked"], probes[name]["scores"], atol=1e-4)


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_a_state_stays_within_one(probes, name):
    """However long a recurrent network listens, int8 holds what it remembers in steps of 1/127."""
    assert 0.1 < probes[name]["largest"] <= 1.0


def test_rounding_leaves_a_network_what_it_is(probes):
    """On the int8 grid, the weights of the plain CNN give nearly its scores, but not just them."""
    plain, rounded = probes["cnn"]["scores"], probes["cnn"]["rounded"]
    assert np.corrcoef(plain.ravel(), rounded.ravel())[0, 1] > 0.99
    assert np.abs(plain - rounded).max() > 1e-4


@pytest.mark.parametrize("name", ["gru", "transformer"])
def test_int8_is_whole_and_follows_float(probes, name):
    """No float tensor is left, and int8 logits follow the float network's."""
    config, features = SMALL[name], patches(name)
    model = quantizer.quantize(probes[name]["weights"], config, STEPS, as_input(features))
    assert quantizer.float_tensors(model) == []
    assert multiplications(model) > STEPS * config.trunk * config.trunk
    interpreter = quantizer.plain_interpreter(model)
    found = quantizer.int8_outputs(interpreter, as_input(features))
    expected = probes[name]["scores"]
    assert np.corrcoef(found.ravel(), expected.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("name", ["gru", "lstm"])
def test_an_int8_state_carries_the_stream(probes, name):
    """The int8 step model, its state kept in int8, follows the float network along a patch."""
    config, features = SMALL[name], patches(name)
    model = quantizer.quantize_step(probes[name]["weights"], config, as_input(features))
    scorer = StepScorer(model)
    found = []
    for patch in features:
        scorer.reset()
        starts = range(0, len(patch) - config.front_frames + 1, config.step_frames)
        walked = [scorer.push(patch[start : start + config.front_frames]) for start in starts]
        found.append(walked[config.reach_steps :])
    assert np.corrcoef(np.ravel(found), probes[name]["scores"].ravel())[0, 1] > 0.95


def test_a_float_island_shows():
    """Keras' own layer norm leaves floats behind that the converter does not mention."""
    assert quantizer.float_tensors(in_own_process(stock_norm_model))
