"""What published results say against the port files that they rest on."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pandas as pd

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
    file = _opened(storage, folder, "looks.parquet")
    looks = pd.read_parquet(file, columns=["port", "berth", "vessels"])
    yield from map(str, crowded_berths(ports, looks))
    yield from doubted_estimates(pd.read_parquet(_opened(storage, folder, "estimates.parquet")))


def _opened(storage: Storage, folder: str, name: str) -> io.BytesIO:
    return io.BytesIO(storage.read(f"{folder}/{name}"))
