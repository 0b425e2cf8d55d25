"""Small pieces of C source."""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

LINE_CHARACTERS = 96
TYPES = {
    np.dtype(np.int8): "int8_t",
    np.dtype(np.int32): "int32_t",
    np.dtype(np.uint16): "uint16_t",
}


def array(name: str, values: NDArray[np.generic]) -> str:
    """A constant array; NULL can't be one, so an empty array is refused by C itself."""
    lines, line = [], "   "
    for value in values.ravel().tolist():
        item = f" {value},"
        if len(line) + len(item) > LINE_CHARACTERS:
            lines.append(line)
            line = "   "
        line += item
    body = "\n".join([*lines, line])
    return f"static const {TYPES[values.dtype]} {name}[{values.size}] = {{\n{body}\n}};\n"


def struct(fields: Mapping[str, object]) -> str:
    """An initialiser with its fields named."""
    items = ", ".join(f".{name} = {value}" for name, value in fields.items())
    return "{" + items + "}"


def listed(values: Iterable[object]) -> str:
    """An initialiser without names."""
    return "{" + ", ".join(str(value) for value in values) + "}"


def table(kind: str, name: str, rows: list[str]) -> str:
    """A constant array of structs, one a line."""
    body = "".join(f"    {row},\n" for row in rows)
    return f"static const {kind} {name}[{len(rows)}] = {{\n{body}}};\n"


def text(value: str) -> str:
    """A string literal; what is not plain ASCII becomes octal escapes of its UTF-8."""
    plain = "".join(
        chr(byte) if 32 <= byte < 127 and byte not in (34, 63, 92) else f"\\{byte:03o}"
        for byte in value.encode()
    )
    return f'"{plain}"'
