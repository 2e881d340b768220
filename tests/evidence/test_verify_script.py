"""verify.py as a stranger runs it: alone in an empty folder, with nothing but Python."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from jobs.evidence import verify
from jobs.evidence.package import manifest_of, write_zip

FILES = {
    "index.html": b"<!doctype html>" * 200,
    "visits/A-1/look-001.png": bytes(range(256)) * 8,
    "visits/A-1/visit.json": b'{"visit": "A-1"}\n',
}


@pytest.fixture
def script(tmp_path: Path) -> Path:
    """The script, alone in a folder."""
    place = tmp_path / "elsewhere" / "verify.py"
    place.parent.mkdir()
    place.write_bytes(Path(verify.__file__).read_bytes())
    return place


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    """A ZIP as it was made."""
    return zipped(tmp_path / "whole.zip", whole_files())


def whole_files() -> dict[str, bytes]:
    return {**FILES, "manifest.json": manifest_of(FILES, {"job": "a"})}


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with path.open("wb") as target:
        write_zip(target, files)
    return path


def unpacked(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def run(script: Path, *arguments: str | Path) -> tuple[int, str]:
    """Its exit code and what it says, in an empty environment and without site-packages."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", script, *arguments],
        capture_output=True,
        text=True,
        env={},
        cwd=script.parent,
    )
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


def test_it_is_python_3_9() -> None:
    source = Path(verify.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 9))
    tops = {
        name.name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for name in node.names
    } | {node.module.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert tops <= sys.stdlib_module_names


def test_whole_evidence_is_intact_as_zip_and_as_folder(
    script: Path, whole: Path, tmp_path: Path
) -> None:
    digest = hashlib.sha256(whole_files()["manifest.json"]).hexdigest()
    code, said = run(script, whole)
    assert (code, said.splitlines()[0]) == (0, "INTACT: all 3 files are as the manifest states")
    assert digest in said
    folder = unpacked(tmp_path / "folder", whole_files())
    assert run(script, folder, "--manifest-sha256", digest.upper())[0] == 0
    code, said = run(script, folder, "--manifest-sha256", "0" * 64)
    assert code == 1
    assert f"another manifest: its sha256 is {digest}" in said


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("form", ["zip", "folder"])
def test_one_changed_byte_is_named(script: Path, tmp_path: Path, name: str, form: str) -> None:
    files = whole_files()
    content = bytearray(files[name])
    content[len(content) // 2] ^= 1
    files[name] = bytes(content)
    made = zipped if form == "zip" else unpacked
    code, said = run(script, made(tmp_path / "it", files))
    assert (code, said.splitlines()) == (1, ["NOT INTACT: 1 fault", f"  changed: {name}"])


def test_a_byte_changed_inside_the_zip_is_found_wherever_it_lies(
    script: Path, whole: Path, tmp_path: Path
) -> None:
    content = whole.read_bytes()
    where = {content.index(bytes(range(256))) + 77: "changed: visits/A-1/look-001.png"}
    with zipfile.ZipFile(whole) as archive:
        packed = archive.getinfo("index.html")
        where[packed.header_offset + 30 + len("index.html") + 5] = "changed: index.html"
    for place, fault in where.items():
        broken = bytearray(content)
        broken[place] ^= 1
        path = tmp_path / "broken.zip"
        path.write_bytes(broken)
        code, said = run(script, path)
        assert (code, said.splitlines()[1:]) == (1, [f"  {fault}"])


@pytest.mark.parametrize("form", ["zip", "folder"])
def test_what_is_missing_and_what_was_added_is_named(
    script: Path, tmp_path: Path, form: str
) -> None:
    files = whole_files()
    del files["visits/A-1/visit.json"]
    files["visits/A-1/other.json"] = b"{}"
    made = zipped if form == "zip" else unpacked
    code, said = run(script, made(tmp_path / "it", files))
    assert code == 1
    assert said.splitlines()[1:] == [
        "  added: visits/A-1/other.json",
        "  missing: visits/A-1/visit.json",
    ]


def test_a_replaced_manifest_is_found_by_its_digest_alone(script: Path, tmp_path: Path) -> None:
    digest = hashlib.sha256(whole_files()["manifest.json"]).hexdigest()
    forged = {**FILES, "index.html": b"forged"}
    path = zipped(
        tmp_path / "forged.zip", {**forged, "manifest.json": manifest_of(forged, {"job": "a"})}
    )
    assert run(script, path)[0] == 0, "the files do belong together"
    assert run(script, path, "--manifest-sha256", digest)[0] == 1


def test_names_that_lead_out_are_named_and_nothing_is_written(script: Path, tmp_path: Path) -> None:
    names = ("../outside.txt", "/tmp/outside.txt", "a\\..\\b", "C:evil")
    stated = {name: b"x" for name in names}
    files = {**FILES, **stated}
    path = zipped(tmp_path / "slip.zip", {**files, "manifest.json": manifest_of(files, {})})
    before = sorted(tmp_path.rglob("*"))
    code, said = run(script, path)
    assert code == 1
    for name in names:
        assert repr(name) in said
    assert sorted(tmp_path.rglob("*")) == before
    # a manifest that names a file outside of the folder must not get it read
    (tmp_path / "outside.txt").write_bytes(b"x")
    folder = unpacked(tmp_path / "folder", {**FILES, "manifest.json": manifest_of(files, {})})
    code, said = run(script, folder)
    assert code == 1
    assert "a name that leads out of the folder: '../outside.txt'" in said


def test_links_are_not_followed(script: Path, tmp_path: Path) -> None:
    folder = unpacked(tmp_path / "folder", whole_files())
    (folder / "index.html").unlink()
    (tmp_path / "real.html").write_bytes(FILES["index.html"])
    (folder / "index.html").symlink_to(tmp_path / "real.html")
    code, said = run(script, folder)
    assert code == 1
    assert "a link, which no evidence has: index.html" in said
    assert "missing: index.html" in said


def test_bytes_between_the_files_of_a_zip_are_found(
    script: Path, whole: Path, tmp_path: Path
) -> None:
    # a program that reads from the front would show the file that the directory does not list
    hidden = zipped(tmp_path / "hidden.zip", {"index.html": b"forged"}).read_bytes()
    path = tmp_path / "both.zip"
    path.write_bytes(hidden[: hidden.index(b"PK\x01\x02")] + whole.read_bytes())
    code, said = run(script, path)
    assert code == 1
    assert "bytes in it belong to no file" in said


def test_a_byte_changed_in_what_the_zip_says_of_its_files_is_found(
    whole: Path, tmp_path: Path
) -> None:
    content = whole.read_bytes()
    with zipfile.ZipFile(whole) as archive:
        first, directory = archive.infolist()[1], archive.start_dir
    header = range(first.header_offset, first.header_offset + 30 + len(first.filename))
    path = tmp_path / "broken.zip"
    for place in [*header, *range(directory, len(content))]:
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        assert not verify.check(str(path), None), place


def test_a_zip_of_many_files_and_gigabytes_ends_as_python_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "sparse.zip"
    with path.open("wb") as file, zipfile.ZipFile(file, "w") as archive:
        write_member(archive, "a.txt")
        file.seek(3 << 30)
        archive.start_dir = file.tell()  # the next file is written there
        write_member(archive, "b.txt")
        for number in range(1 << 16):
            archive.filelist.append(archive.filelist[number % 2])
    with zipfile.ZipFile(path) as archive, path.open("rb") as file:
        members, place = archive.infolist(), archive.start_dir
        file.seek(place)
        found = file.read()
    directory = b"".join(map(verify.central_record, members))
    assert found == directory + verify.end_records(len(members), len(directory), place)


def write_member(archive: zipfile.ZipFile, name: str) -> None:
    member = zipfile.ZipInfo(name)
    member.external_attr, member.create_system = verify.RIGHTS, verify.UNIX
    archive.writestr(member, b"content")


def test_what_is_no_evidence_is_refused(script: Path, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    text = tmp_path / "text.zip"
    text.write_text("no ZIP")
    other = zipped(tmp_path / "other.zip", {"a": b"b", "manifest.json": b"[]"})
    future = zipped(tmp_path / "future.zip", {"manifest.json": b'{"format": "2", "files": {}}'})
    endless = b'{"format": "1", "files": {"a": {"bytes": 1e999, "sha256": ""}}}'
    expected = {
        zipped(tmp_path / "endless.zip", {"manifest.json": endless}): "is no manifest",
        zipped(tmp_path / "deep.zip", {"manifest.json": b"[" * 200_000}): "is no manifest",
        empty: "missing: manifest.json",
        text: "is no ZIP or folder that can be read",
        tmp_path / "nowhere": "is no ZIP or folder that can be read",
        other: "manifest.json is no manifest",
        future: "has the format '2'",
    }
    for path, words in expected.items():
        code, said = run(script, path)
        assert (code, words in said) == (1, True), said


def test_a_file_that_says_it_is_small_and_is_not_is_not_read_through(
    script: Path, tmp_path: Path
) -> None:
    files = {**FILES, "big.json": b"0" * (1 << 24)}
    manifest = manifest_of({**files, "big.json": b"0" * 5}, {})
    path = zipped(tmp_path / "big.zip", {**files, "manifest.json": manifest})
    assert "changed: big.json has 16777216 bytes instead of 5" in run(script, path)[1]


def test_in_an_unpacked_folder_it_checks_that_folder(tmp_path: Path) -> None:
    files = {**FILES, "verify.py": Path(verify.__file__).read_bytes()}
    folder = unpacked(
        tmp_path / "folder", {**files, "manifest.json": manifest_of(files, {"job": "a"})}
    )
    assert run(folder / "verify.py")[0] == 0
    assert sorted(path.name for path in folder.iterdir()) == [
        "index.html",
        "manifest.json",
        "verify.py",
        "visits",
    ]
