#!/usr/bin/env python3
"""Check a Berthwatch evidence ZIP, or the folder it was unpacked to, against its manifest.

Needs Python 3.9 or newer and nothing else. It only reads: it unpacks nothing and runs nothing.

    python3 verify.py evidence.zip --manifest-sha256 DIGEST
    python3 verify.py folder --manifest-sha256 DIGEST

manifest.json states the size and sha256 of every other file, so any change of any file is found.
Whoever replaces the manifest too is found by its own digest, which the maker of the evidence tells
by another way; without it this script shows only that the files belong together. A copy of this
script that came in the ZIP may itself be another: take one from elsewhere where that matters.

Exit code 0: all is as stated. 1: something is not. 2: the call itself is wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import struct
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
FORMAT = "berthwatch-evidence-1"
MOST_MANIFEST = 1 << 28
PIECE = 1 << 20
FIRST_DAY = 0x21
"""1 January 1980, the day of every file in the ZIP."""
UNIX, RIGHTS = 3, 0o644 << 16
LONG_FROM, NOT_HERE = 0x7FFFFFFF, 0xFFFFFFFF
"""A place in the ZIP from which on it is told in another field, and what stands instead of it."""


class Folder:
    """The files of an unpacked folder; links are named and never followed."""

    def __init__(self, path: str) -> None:
        self.path = Path(path)
        self.faults: list[str] = []
        self.sizes: dict[str, int] = {}
        for root, folders, names in os.walk(path, followlinks=False):
            for name in sorted(folders + names):
                self._add(Path(root) / name)

    def _add(self, place: Path) -> None:
        inside = place.relative_to(self.path).as_posix()
        if place.is_symlink():
            self.faults.append(f"a link, which no evidence has: {inside}")
        elif place.is_file():
            self.sizes[inside] = place.stat().st_size
        elif not place.is_dir():
            self.faults.append(f"neither a file nor a folder: {inside}")

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content of a file, piece by piece."""
        with (self.path / name).open("rb") as file:
            yield from iter(lambda: file.read(PIECE), b"")


class Archive:
    """The members of a ZIP, read where they lie."""

    def __init__(self, path: str) -> None:
        self.zip = zipfile.ZipFile(path)
        self.faults: list[str] = []
        self.sizes: dict[str, int] = {}
        for member in self.zip.infolist():
            if member.filename in self.sizes:
                self.faults.append(f"stands twice in the ZIP: {member.filename}")
            self.sizes[member.filename] = member.file_size
        if not self._is_as_made(path):
            self.faults.append(
                "the ZIP itself is another than was made: bytes in it belong to no file, or what "
                "it says of its files (sizes, times, rights) was changed. If somebody packed it "
                "again, unpack it and check the folder"
            )

    def _is_as_made(self, path: str) -> bool:
        """Whether all between and after the files is what their names, sizes and sums ask for.

        Programs differ in which records of a ZIP they believe, and in what they show of gaps.
        """
        members, end, directory = self.zip.infolist(), 0, b""
        try:
            with Path(path).open("rb") as file:
                for member in sorted(members, key=lambda each: each.header_offset):
                    header = local_record(member)
                    file.seek(end)
                    if member.header_offset != end or file.read(len(header)) != header:
                        return False
                    end += len(header) + member.compress_size
                directory = b"".join(map(central_record, members))
                directory += end_records(len(members), len(directory), end)
                file.seek(end)
                return file.read(len(directory) + 1) == directory
        except struct.error:  # larger than any file of evidence
            return False

    def pieces(self, name: str) -> Iterator[bytes]:
        """The content of a member, piece by piece."""
        with self.zip.open(name) as file:
            yield from iter(lambda: file.read(PIECE), b"")


def local_record(member: zipfile.ZipInfo) -> bytes:
    """What stands before a file in the ZIP."""
    name, flags = encoded(member.orig_filename)
    facts = (member.CRC, member.compress_size, member.file_size, len(name), 0)
    kind = member.compress_type
    return struct.pack("<4s5H3L2H", b"PK\3\4", 20, flags, kind, 0, FIRST_DAY, *facts) + name


def central_record(member: zipfile.ZipInfo) -> bytes:
    """What the ZIP's directory says of a file."""
    name, flags = encoded(member.orig_filename)
    place, version, more = member.header_offset, 20, b""
    if place > LONG_FROM:
        more = struct.pack("<2HQ", 1, 8, place)
        place, version = NOT_HERE, 45
    facts = (member.CRC, member.compress_size, member.file_size, len(name), len(more), 0, 0, 0)
    return (
        struct.pack(
            "<4s2B5H", b"PK\1\2", version, UNIX, version, flags, member.compress_type, 0, FIRST_DAY
        )
        + struct.pack("<3L5H2L", *facts, RIGHTS, place)
        + name
        + more
    )


def end_records(count: int, size: int, place: int) -> bytes:
    """What ends a ZIP whose directory has so many files and bytes, and begins at that place."""
    long = b""
    if count > 0xFFFF or max(place, size) > LONG_FROM:
        facts = (count, count, size, place)
        long = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, *facts)
        long += struct.pack("<4sLQL", b"PK\6\7", 0, place + size, 1)
    short = (min(count, 0xFFFF),) * 2 + (min(size, NOT_HERE), min(place, NOT_HERE))
    return long + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, *short, 0)


def encoded(name: str) -> tuple[bytes, int]:
    """A name as it stands in the ZIP, and the flags that say how it is written."""
    try:
        return name.encode("ascii"), 0
    except UnicodeEncodeError:
        return name.encode("utf-8", "surrogatepass"), 0x800


def is_safe(name: str) -> bool:
    """Whether a name stays below the folder it is unpacked to, on every system."""
    parts = PurePosixPath(name).parts
    odd = name.startswith("/") or any(sign in name for sign in ("\\", ":", "\0"))
    return bool(parts) and not odd and ".." not in parts


def digest_of(files: Folder | Archive, name: str, most: int) -> str:
    """The sha256 of a file of at most so many bytes; empty where it is longer or damaged."""
    digest, length = hashlib.sha256(), 0
    try:
        for piece in files.pieces(name):
            length += len(piece)
            if length > most:
                return ""
            digest.update(piece)
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return ""
    return digest.hexdigest()


def read_manifest(files: Folder | Archive) -> tuple[dict[str, tuple[int, str]], str]:
    """Size and sha256 of every file by name, and the manifest's own digest.

    ValueError where there is none that can be read.
    """
    if MANIFEST not in files.sizes:
        raise ValueError(f"missing: {MANIFEST}, so that nothing can be told")
    digest = digest_of(files, MANIFEST, MOST_MANIFEST)
    if not digest:
        raise ValueError(f"changed: {MANIFEST} is damaged")
    try:
        content = json.loads(b"".join(files.pieces(MANIFEST)).decode("utf-8"))
        stated = {
            str(name): (int(each["bytes"]), str(each["sha256"]))
            for name, each in content["files"].items()
        }
        form = content["format"]
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        ArithmeticError,
        RecursionError,
    ) as error:
        raise ValueError(f"changed: {MANIFEST} is no manifest ({error!r})") from error
    if form != FORMAT:
        raise ValueError(f"{MANIFEST} has the format {form!r}; this script reads {FORMAT!r}")
    return stated, digest


def faults_of(files: Folder | Archive, stated: dict[str, tuple[int, str]]) -> Iterator[str]:
    """Everything that is not as the manifest states, a line each."""
    yield from files.faults
    for name in sorted({*stated, *files.sizes} - {MANIFEST, SIGNATURE}):
        if not is_safe(name):
            yield f"a name that leads out of the folder: {name!r}"
        elif name not in stated:
            yield f"added: {name}"
        elif name not in files.sizes:
            yield f"missing: {name}"
        elif files.sizes[name] != stated[name][0]:
            yield f"changed: {name} has {files.sizes[name]} bytes instead of {stated[name][0]}"
        elif digest_of(files, name, stated[name][0]) != stated[name][1]:
            yield f"changed: {name}"


def opened(path: str) -> Folder | Archive:
    """The files of a ZIP or a folder; ValueError for anything else."""
    try:
        return Folder(path) if Path(path).is_dir() else Archive(path)
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise ValueError(f"{path} is no ZIP or folder that can be read ({error})") from error


def check(path: str, expected: str | None) -> bool:
    """Print what was found; True where all is as stated."""
    try:
        files = opened(path)
        stated, digest = read_manifest(files)
    except ValueError as error:
        print(f"NOT INTACT\n  {error}")
        return False
    faults = list(faults_of(files, stated))
    if expected is not None and digest != expected.strip().lower():
        faults.insert(0, f"another manifest: its sha256 is {digest}, not the one given")
    if faults:
        print(f"NOT INTACT: {len(faults)} fault{'' if len(faults) == 1 else 's'}")
        print("\n".join(f"  {fault}" for fault in faults))
        return False
    print(f"INTACT: all {len(stated)} files are as the manifest states")
    print(f"sha256 of manifest.json: {digest}")
    if expected is None:
        print(
            "Compare it with the digest that the maker told you, or give that to this script with"
        )
        print("--manifest-sha256: whoever changed files AND manifest is found only by it.")
    else:
        print("It is the one that was given.")
    print_signature(files)
    return True


def print_signature(files: Folder | Archive) -> None:
    """Say that a signature is there and how it is checked."""
    if SIGNATURE in files.sizes:
        print("A signature is there; this script does NOT check it. Unpack the ZIP and run there:")
        print("  ssh-keygen -Y verify -f allowed_signers -I signer -n berthwatch-evidence \\")
        print("    -s manifest.json.sig < manifest.json")
        print("Then compare the key it names with the signer's, which you have from elsewhere.")


def main() -> int:
    """Check what the command line names; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "path",
        nargs="?",
        default=str(Path(__file__).resolve().parent),
        help="the ZIP, or the folder it was unpacked to; this script's own folder if left out",
    )
    parser.add_argument("--manifest-sha256", metavar="DIGEST", help="as the maker told it")
    arguments = parser.parse_args()
    return 0 if check(arguments.path, arguments.manifest_sha256) else 1


if __name__ == "__main__":
    sys.exit(main())
