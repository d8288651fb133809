"""The trained weights: how they are stored, and how they are read without any library.

Two tables. *Named* features (marks, concepts and their pairs) are few; they are stored by name.
*Units* (words, pairs, stems, n-grams) are many; they live in a hash table of 32-bit cells,
addressed by the CRC-32 of the unit. A cell holds an eight-bit fingerprint, so that a unit which
was never seen is almost never taken for one that was, and one signed byte for each category.
"""

import json
import struct
import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from math import sqrt
from typing import NamedTuple
from zlib import crc32

from llmrouter.core.records import Record

MAGIC = b"LRC1"
FILE_NAME = "weights.bin"
CELL_OFFSET = 128
"""Signed bytes are stored with this offset, so that a cell is a plain unsigned number."""

Weight = tuple[float, float, float]


class Hit(NamedTuple):
    """A unit of a text that training kept, and its stored weights."""

    unit: str
    weights: tuple[int, int, int]


class Weights(Record):
    """What training found: weights of log-odds, and the figures that calibrate them."""

    bias: Weight
    named: Mapping[str, Weight]
    unit_scale: float
    unit_prior: float
    temperature: float
    cells: Sequence[int]

    def find_units(self, units: Iterable[str]) -> tuple[list[Hit], tuple[int, int, int]]:
        """Gives the units that training kept, and the sums of their weights."""
        cells = self.cells
        mask = len(cells) - 1
        offset = CELL_OFFSET
        hits: list[Hit] = []
        first = second = third = 0
        for unit in units:
            key = crc32(unit.encode("utf-8", "surrogatepass"))
            cell = cells[key & mask]
            if cell and cell >> 24 == key >> 24:
                a, b, c = (
                    (cell >> 16 & 255) - offset,
                    (cell >> 8 & 255) - offset,
                    (cell & 255) - offset,
                )
                first += a
                second += b
                third += c
                hits.append(Hit(unit, (a, b, c)))
        return hits, (first, second, third)

    def scale_for(self, units: int) -> float:
        """Gives what a stored weight counts in a text of so many units."""
        return self.unit_scale / sqrt(units + self.unit_prior)


def hash_unit(unit: str) -> int:
    """Gives the 32-bit hash that addresses a unit; lone surrogates are hashed as they are."""
    return crc32(unit.encode("utf-8", "surrogatepass"))


def pack_weights(weights: Weights) -> bytes:
    """Gives the file's bytes: magic, length of the JSON header, header, cells in little-endian
    order."""
    header = json.dumps(
        {
            "bias": weights.bias,
            "named": weights.named,
            "unit_scale": weights.unit_scale,
            "unit_prior": weights.unit_prior,
            "temperature": weights.temperature,
        },
        separators=(",", ":"),
        sort_keys=True,
    ).encode()
    cells = array("I", weights.cells)
    if sys.byteorder == "big":
        cells.byteswap()
    return MAGIC + struct.pack("<I", len(header)) + header + cells.tobytes()


def unpack_weights(data: bytes) -> Weights:
    """Reads a weights file; raises ValueError when it is none."""
    if data[:4] != MAGIC:
        raise ValueError(f"classifier weights start with {data[:4]!r}, not with {MAGIC!r}")
    end = 8 + struct.unpack("<I", data[4:8])[0]
    header = json.loads(data[8:end])
    cells = array("I")
    cells.frombytes(data[end:])
    if sys.byteorder == "big":
        cells.byteswap()
    named = {name: (w[0], w[1], w[2]) for name, w in header["named"].items()}
    bias = header["bias"]
    return Weights(
        bias=(bias[0], bias[1], bias[2]),
        named=named,
        unit_scale=header["unit_scale"],
        unit_prior=header["unit_prior"],
        temperature=header["temperature"],
        cells=memoryview(cells),
    )


def load_weights() -> Weights:
    """Reads the packaged weights."""
    return unpack_weights(resources.files(__package__).joinpath(FILE_NAME).read_bytes())
