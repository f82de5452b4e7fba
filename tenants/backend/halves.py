"""Vectors of half precision as PostgreSQL receives them: two bytes a number, not its digits.

Writing and reading the digits takes longer than comparing the vectors does.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

TEXT_DIGITS: Final = "%.5g"  # five tell all numbers of half precision apart


@dataclass(frozen=True, slots=True)
class Halves:
    """A vector: its numbers of half precision one after the other, the greater byte first."""

    packed: bytes

    def __len__(self) -> int:
        return len(self.packed) // 2

    def __str__(self) -> str:
        """Return it as pgvector reads and writes it."""
        numbers = struct.unpack(f">{len(self)}e", self.packed)
        return "[" + ",".join([TEXT_DIGITS] * len(self)) % numbers + "]"


class _Text(Dumper):
    """For cursors that put values into the statement."""

    def dump(self, obj: Halves) -> bytes:
        return str(obj).encode()


class _Binary(Dumper):
    """What `halfvec_recv` reads: how many, two bytes that are nothing yet, and the numbers.

    https://github.com/pgvector/pgvector/blob/master/src/halfvec.c
    """

    format = Format.BINARY

    def dump(self, obj: Halves) -> bytes:
        return struct.pack(">HH", len(obj), 0) + obj.packed


# Of no type by itself: the statement says which (`%s::halfvec`), so that no id has to be asked for.
psycopg.adapters.register_dumper(Halves, _Text)
psycopg.adapters.register_dumper(Halves, _Binary)
