"""The C frontend as an extension; everything else about the package is in pyproject.toml.

One wheel serves every Python from 3.11 on (stable ABI). Where there is no compiler the package
installs without it, and the NumPy reference serves.
"""

from pathlib import Path

from setuptools import Extension, setup

NATIVE = Path("edge/frontend/native")
STABLE_ABI = "0x030B0000"  # Python 3.11

setup(
    ext_modules=[
        Extension(
            "edge.frontend.native._core",
            sources=sorted(str(path) for path in NATIVE.glob("*.c")),
            depends=sorted(str(path) for path in NATIVE.glob("*.h")),
            define_macros=[("Py_LIMITED_API", STABLE_ABI)],
            py_limited_api=True,
            extra_compile_args=["-std=c99", "-O3", "-g0"],
            optional=True,
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
