"""Features -> scores: an int8 model on tflite-runtime, LiteRT or an Edge TPU.

The three offer the same Interpreter; the one in use is named, logged and published, and a
runtime that was asked for by name is never replaced by another.
"""

import ctypes
import importlib
import importlib.util
import logging
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.errors import BadInputError, ConfigError, DeviceUnavailableError

_logger = logging.getLogger(__name__)

MODULES = {
    "tflite-runtime": "tflite_runtime.interpreter",
    "litert": "ai_edge_litert.interpreter",
}
EDGETPU_LIBRARY = "libedgetpu.so.1"
_FLOAT_ENVIRONMENT_BYTES = 512  # more than any C library's fenv_t
RUNTIMES = ("auto", *MODULES, "edgetpu")


class Classifier:
    """Scores patches of features; it holds no state between patches.

    Attributes:
        runtime_name: the runtime in use.
        layout: of the bundle: how patches and scores lie on the stream.
        labels: how many there are.
    """

    def __init__(self, bundle: Bundle, runtime: str = "auto") -> None:
        """Load the model.

        Args:
            bundle: whose model.
            runtime: one of RUNTIMES; `auto` takes the first of MODULES that is installed.

        Raises:
            ConfigError: there is no such runtime, it is not installed, or the model was compiled
                for another one.
            DeviceUnavailableError: there is no Edge TPU.
            BadInputError: the model is not what the card says.
        """
        _check_target(bundle, runtime)
        try:
            self.runtime_name, self._interpreter = _interpreter(bundle, runtime)
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise BadInputError(
                f"bundle {bundle.name}: no runtime takes its model ({error}); export it again"
            ) from error
        self._input = self._interpreter.get_input_details()[0]
        self._output = self._interpreter.get_output_details()[0]
        self.layout = bundle.layout
        self.labels = len(bundle.labels)
        expected = (
            [1, bundle.layout.patch_frames, bundle.spec.coefficients, 1],
            [1, bundle.layout.patch_steps, len(bundle.labels)],
        )
        found = (list(self._input["shape"]), list(self._output["shape"]))
        types = (self._input["dtype"], self._output["dtype"])
        if found != expected or types != (np.int8, np.int8):
            raise BadInputError(
                f"bundle {bundle.name}: the model takes {found[0]} and gives {found[1]}, the card "
                f"says {expected[0]} and {expected[1]} in int8; export the bundle again"
            )

    def score(self, patch: NDArray[np.int16]) -> NDArray[np.int8]:
        """Logits of a patch.

        Args:
            patch: int16 [patch_frames, coefficients], Q8.7.

        Returns:
            int8 [patch_steps, labels].
        """
        quantized = quantize(patch, self.layout.input_multiplier_q20, self.layout.input_zero)
        self._interpreter.set_tensor(self._input["index"], quantized[None, :, :, None])
        self._interpreter.invoke()
        logits: NDArray[np.int8] = self._interpreter.get_tensor(self._output["index"])[0]
        return logits


def quantize(features: NDArray[np.int16], multiplier_q20: int, zero: int) -> NDArray[np.int8]:
    """Features Q8.7 -> the model's int8 input, in integers, rounded half up and saturated."""
    scaled = (features.astype(np.int64) * multiplier_q20 + (1 << 19)) >> 20
    return np.clip(scaled + zero, -128, 127).astype(np.int8)


def installed_runtimes() -> list[str]:
    """Names of the runtimes that can be imported, best first."""
    return [
        name
        for name, module in MODULES.items()
        if importlib.util.find_spec(module.partition(".")[0]) is not None
    ]


def load_runtime(name: str) -> ModuleType:
    """The module of an installed runtime, one of MODULES.

    tflite-runtime's wheels for ARM were linked with -ffast-math: loading them makes the processor
    round every subnormal number of the program to zero from then on, also in code that has nothing
    to do with them. The thread's floating-point environment is put back as it was.

    Raises:
        ConfigError: it can't be loaded.
    """
    libm = ctypes.CDLL("libm.so.6")  # no wheel of a runtime is for another C library than this
    environment = ctypes.create_string_buffer(_FLOAT_ENVIRONMENT_BYTES)
    libm.fegetenv(environment)
    try:
        return importlib.import_module(MODULES[name])
    except ImportError as error:
        raise ConfigError(
            f"the runtime {name} is installed and can't be loaded beside NumPy {np.__version__} "
            f"({error}); install airway-edge again"
        ) from error
    finally:
        libm.fesetenv(environment)


def _check_target(bundle: Bundle, runtime: str) -> None:
    """A model for an Edge TPU runs there alone, and another one would run beside it unnoticed."""
    compiled = bundle.card.get("compiled", {})
    target = compiled.get("target")
    if runtime == "edgetpu" and target != "edgetpu":
        raise ConfigError(
            f"bundle {bundle.name} was not compiled for the Edge TPU and would run on the CPU; "
            "make one with airway-train compile --target edgetpu, or set the runtime to 'auto'"
        )
    if target is not None and target != runtime:
        raise ConfigError(
            f"bundle {bundle.name} was compiled for {target} and does not run on {runtime!r}; take "
            "the bundle that it was made from"
            + (", or set the runtime to 'edgetpu'" if target == "edgetpu" else "")
        )
    if left := compiled.get("operators_on_cpu"):
        _logger.warning(
            "the Edge TPU runs a part of bundle %s; left to the CPU: %s",
            bundle.name, ", ".join(left),
        )  # fmt: skip


def _interpreter(bundle: Bundle, runtime: str) -> tuple[str, Any]:
    installed = installed_runtimes()
    if runtime not in RUNTIMES:
        raise ConfigError(f"runtime {runtime!r} is not one of {', '.join(RUNTIMES)}")
    name = runtime if runtime in MODULES else next(iter(installed), "tflite-runtime")
    if name not in installed:
        raise ConfigError(
            f"runtime {name!r} is not installed; install it with pip, or choose one of: "
            + (", ".join(installed) or "(none installed)")
        )
    module = load_runtime(name)
    if runtime != "edgetpu":
        # LiteRT's XNNPACK rounds otherwise and moves a logit by several units; the built-in
        # kernels of both runtimes agree bit for bit, and are fast enough.
        resolver = module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
        return name, module.Interpreter(
            model_content=bundle.model, num_threads=1, experimental_op_resolver_type=resolver
        )
    try:
        delegate = module.load_delegate(EDGETPU_LIBRARY)
    except (OSError, ValueError) as error:
        raise DeviceUnavailableError(
            f"no Edge TPU: {EDGETPU_LIBRARY} could not be loaded ({error}); install the Edge TPU "
            "runtime and plug the accelerator in, or set the runtime to 'auto'"
        ) from error
    return "edgetpu", module.Interpreter(
        model_content=bundle.model, experimental_delegates=[delegate]
    )
