"""Open a ZIP container without trusting it: its directory is judged before anything unpacks."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
import zlib

from documents.parsing.model import Limits, Refused

_END = b"PK\x05\x06"
_END_BYTES = 22
_LOCAL = b"PK\x03\x04"
_LOCAL_BYTES = 30
_DIRECTORY_BYTES_PER_ENTRY = 600
_NESTED = (
    ".zip",
    ".rar",
    ".7z",
    ".gz",
    ".tgz",
    ".bz2",
    ".xz",
    ".zst",
    ".tar",
    ".jar",
    ".docx",
)
_MEBIBYTE = 1024 * 1024
_STEP = 1 << 20


class Archive:
    """A checked container; `read` unpacks one part, and never more than its limit."""

    def __init__(self, data: bytes, limits: Limits) -> None:
        """Check the central directory. Raises `Refused` (corrupt, encrypted, bomb)."""
        self._data = data
        self._limits = limits
        self._check_end()
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as opened:
                entries = opened.infolist()
                directory = opened.start_dir
        except (
            zipfile.BadZipFile,
            ValueError,
            NotImplementedError,
            OverflowError,
        ) as error:
            raise Refused("corrupt_file") from error
        if len(entries) > limits.archive_entries:
            raise Refused("archive_bomb")
        if sum(entry.file_size for entry in entries) > limits.archive_bytes:
            raise Refused("archive_bomb")
        for entry in entries:
            self._check_entry(entry)
        self._starts = self._check_layout(entries, directory)
        self._entries = {entry.filename: entry for entry in entries}
        if len(self._entries) != len(entries):
            raise Refused("corrupt_file")

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def read(self, name: str) -> bytes:
        """Unpack one part; a part that is larger than its directory says is a bomb."""
        entry = self._entries[name]
        if entry.file_size > self._limits.archive_part_bytes:
            raise Refused("archive_bomb")
        start = self._starts[name]
        packed = self._data[start : start + entry.compress_size]
        if entry.compress_type == zipfile.ZIP_STORED:
            content = packed
        elif entry.compress_type == zipfile.ZIP_DEFLATED:
            content = _inflate(packed, entry.file_size)
        else:
            raise Refused("corrupt_file")
        if len(content) != entry.file_size or zlib.crc32(content) != entry.CRC:
            raise Refused("corrupt_file")
        return content

    def _check_end(self) -> None:
        """Judge the directory's size before Python builds an object for each entry."""
        end = self._data.rfind(_END, max(0, len(self._data) - _END_BYTES - 0xFFFF))
        if end < 0 or end + _END_BYTES > len(self._data):
            raise Refused("corrupt_file")
        count, size = struct.unpack_from("<HI", self._data, end + 10)
        limit = self._limits.archive_entries
        if count > limit or size > limit * _DIRECTORY_BYTES_PER_ENTRY:
            raise Refused("archive_bomb")

    def _check_entry(self, entry: zipfile.ZipInfo) -> None:
        if entry.flag_bits & 0x1:
            raise Refused("encrypted_file")
        name = entry.orig_filename
        unsafe = name.startswith(("/", "\\")) or "\\" in name or "\x00" in name or ":" in name
        if unsafe or ".." in name.split("/") or stat.S_ISLNK(entry.external_attr >> 16):
            raise Refused("corrupt_file")
        if name.lower().endswith(_NESTED):
            raise Refused("archive_bomb")
        if entry.file_size > _MEBIBYTE:
            ratio = entry.file_size / max(1, entry.compress_size)
            if ratio > self._limits.archive_ratio:
                raise Refused("archive_bomb")

    def _check_layout(self, entries: list[zipfile.ZipInfo], directory: int) -> dict[str, int]:
        """Return where each entry's content begins; entries that overlap are a bomb."""
        starts: dict[str, int] = {}
        reached = 0
        for entry in sorted(entries, key=lambda e: e.header_offset):
            offset = entry.header_offset
            if offset < reached:
                raise Refused("archive_bomb")
            if self._data[offset : offset + 4] != _LOCAL or offset + _LOCAL_BYTES > directory:
                raise Refused("corrupt_file")
            name_bytes, extra_bytes = struct.unpack_from("<HH", self._data, offset + 26)
            starts[entry.filename] = offset + _LOCAL_BYTES + name_bytes + extra_bytes
            reached = starts[entry.filename] + entry.compress_size
            if reached > directory:
                raise Refused("archive_bomb")
        return starts


def _inflate(packed: bytes, expected: int) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    parts: list[bytes] = []
    size = 0
    try:
        part = unpacker.decompress(packed, _STEP)
        while part:
            size += len(part)
            if size > expected:
                raise Refused("archive_bomb")
            parts.append(part)
            part = unpacker.decompress(unpacker.unconsumed_tail, _STEP)
    except zlib.error as error:
        raise Refused("corrupt_file") from error
    return b"".join(parts)
