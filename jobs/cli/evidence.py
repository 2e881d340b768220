"""`berthwatch evidence`: what proves a visit, as a ZIP that anyone can check."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryFile
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.destinations import file_to_write
from jobs.cli.options import AsJson, JobOrPlan
from jobs.cli.output import err, print_lines, say
from jobs.cli.program import command_app
from jobs.storage import new_file

if TYPE_CHECKING:
    from jobs.evidence import Evidence

PASSPHRASE = "BERTHWATCH_KEY_PASSPHRASE"
EVERY_S = 5.0
"""Between two lines of progress where they are kept."""

app = command_app()


@app.command()
def evidence(
    source: JobOrPlan,
    visits: Annotated[
        list[str] | None,
        typer.Option("--visit", metavar="ID", help="A visit_id of visits.csv; again for more."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.zip",
            parser=file_to_write,
            help="The ZIP to write; JOB-TAG-evidence.zip here unless said.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="At most so many visits: the newest.")
    ] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", help="Results of this tag instead of the newest.")
    ] = None,
    ais: Annotated[
        list[Path] | None,
        typer.Option("--ais", metavar="FILE", help="An AIS table; again for more."),
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option("--names", metavar="CSV", help="Ships' names: visit_id, name, source."),
    ] = None,
    sign: Annotated[
        Path | None,
        typer.Option("--sign", metavar="KEY", help="Sign with this private Ed25519 key."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """What proves each visit, as a ZIP that anyone can check: pictures, bounds, reasons, digests.

    For every visit: the look before, all during, the look after, as pictures of one place in one
    brightness and scale, with outlines to switch on and off; why arrival and departure are
    bounded as they are, and what speaks against it; items, files, digests, and five lines of Python
    that cut the same pixels from the archive.

    The ZIP holds a page (index.html), a manifest with the sha256 of every file, and verify.py,
    which needs Python alone and names what was changed. **Tell the reader the manifest's digest,
    which is printed here, by another way than the ZIP**: then a replaced manifest is found too.
    The reader's part: `python3 verify.py evidence.zip --manifest-sha256 DIGEST`.

    `--sign` takes a key of OpenSSH or in PEM (`ssh-keygen -t ed25519` makes one); a passphrase is
    asked for, or taken from BERTHWATCH_KEY_PASSPHRASE. `ssh-keygen -Y verify` checks the signature.
    The same results give the same ZIP, byte for byte. Paths of this machine stand in it where
    archive or images lie on this machine.
    """
    from jobs.evidence import EvidenceOptions, make_evidence, read_signer

    signer = None if sign is None else read_signer(sign, _passphrase)
    options = EvidenceOptions(tag, tuple(visits or ()), limit, tuple(ais or ()), names)
    with err.status("reading ...") as status:
        progress = status.update if err.is_terminal else _Paced()
        found = make_evidence(source, options, signer, progress)
        place = output or file_to_write(f"{found.job}-{found.tag}-evidence.zip")
        digest, size = _write(place, found)
    for line in found.doubts:
        say(line)
    facts = {
        "file": str(place),
        "sha256": digest,
        "bytes": size,
        "manifest_sha256": found.manifest_sha256,
        "visits": list(found.visits),
        "visits_left_out": found.left_out,
        "pictures": found.pictures,
        "signed_by": None if signer is None else signer.fingerprint,
    }
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
        return
    print_lines(_lines(facts, found))


def _lines(facts: dict[str, object], found: Evidence) -> list[str]:
    many = "" if len(found.visits) == 1 else "s"
    left_out = f", {found.left_out} of the result left out" if found.left_out else ""
    lines = [
        f"evidence {facts['file']}: {len(found.visits)} visit{many}{left_out}, "
        f"{found.pictures} pictures, {facts['bytes']:,} bytes",
        f"sha256 of the ZIP       {facts['sha256']}",
        f"sha256 of the manifest  {facts['manifest_sha256']}",
        "tell the reader the manifest's digest by another way than the ZIP",
    ]
    signed = facts["signed_by"]
    return lines if signed is None else [*lines, f"signed by {signed}"]


def _write(place: Path, found: Evidence) -> tuple[str, int]:
    """Write the ZIP; its sha256 and size. Made in a temporary file first, as pipes cannot seek."""
    from jobs.evidence import write_zip

    with TemporaryFile() as whole:
        write_zip(whole, found.files)
        size = whole.tell()
        whole.seek(0)
        digest = hashlib.file_digest(whole, "sha256").hexdigest()
        whole.seek(0)
        with new_file(place) as file:
            shutil.copyfileobj(whole, file)
    return digest, size


class _Paced:
    """Says a line where the last one was said some seconds ago: for logs, which keep every line."""

    def __init__(self) -> None:
        self._said = -EVERY_S

    def __call__(self, message: str) -> None:
        """Say it, or leave it out."""
        if monotonic() - self._said >= EVERY_S:
            self._said = monotonic()
            say(message)


def _passphrase() -> str | None:
    """The passphrase of a key: from the environment, or typed; None where neither is possible."""
    if PASSPHRASE in os.environ:
        return os.environ[PASSPHRASE]
    if not sys.stdin.isatty():
        return None
    typed: str = typer.prompt("Passphrase of the key", hide_input=True, err=True)
    return typed
