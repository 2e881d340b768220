"""What published results say against the port files that they rest on."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pyarrow.parquet as pq

from jobs.domain import overlap_text, overlaps
from jobs.publish.provenance import PROVENANCE, port_from
from jobs.storage import Storage
from jobs.visits import crowded_berths, doubted_estimates


def published_doubts(storage: Storage, folder: str) -> list[str]:
    """Lines on berths that overlap, on those with more ships than they hold, and on estimates
    that do not explain the looks.

    ``folder`` is the name of published results in the archive. Results that cannot be read are a
    line too: they are no reason to fail what only mentions them.
    """
    try:
        return list(_doubts(storage, folder))
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        return [
            f"the results in {storage.url_of(folder)} cannot be read ({error}); remove the folder "
            "and run the job again"
        ]


def _doubts(storage: Storage, folder: str) -> Iterator[str]:
    facts = json.loads(storage.read(f"{folder}/{PROVENANCE}"))
    ports = [port_from(each) for each in facts["ports"]]
    for port in ports:
        for pair in overlaps(port.berths):
            yield f"port {port.id}: {overlap_text(pair)}"
    looks = _opened(storage, folder, "looks.parquet").read(["port", "berth", "vessels"])
    yield from map(str, crowded_berths(ports, looks.to_pydict()))
    estimates = _opened(storage, folder, "estimates.parquet").read()
    yield from doubted_estimates(estimates.to_pylist())


def _opened(storage: Storage, folder: str, name: str) -> pq.ParquetFile:
    """By the reader that does without pandas, whose import would take longer than all of this."""
    return pq.ParquetFile(io.BytesIO(storage.read(f"{folder}/{name}")))
