"""The file that names the newest results, where somebody else wrote to it."""

from __future__ import annotations

import pytest

from jobs.errors import InputError
from jobs.publish.read import tag_of


def test_the_tag_of_a_whole_file() -> None:
    assert tag_of(b'{"tag": "backfill-3f2a", "folder": "x"}', "latest.json") == "backfill-3f2a"


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"1", b"{}", b'{"tag": 1}', b'{"tag": ""}', b'{"tag": "../x"}', b"\xff"],
)
def test_what_names_no_folder_is_refused_with_what_to_do(content: bytes) -> None:
    with pytest.raises(InputError, match=r"latest.json: .*remove latest.json and run the job"):
        tag_of(content, "latest.json")
