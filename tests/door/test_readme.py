"""README's snippets that need no result: files that are read, commands and options that exist."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

from jobs.cli.commands import COMMANDS
from jobs.cli.program import load_command
from jobs.domain import load_port, read_job
from tests.support.places import ROOT
from tests.support.readme import Snippet, command_rows, commands, of_language, snippets

KNOWN = {"", "sh", "json", "yaml", "python"}
"""Kinds of snippet that are tested, here or in test_examples; the first is the drawing on top."""

EVERYWHERE = {"--help", "--version"}


def options_of(name: str) -> set[str]:
    """Every spelling of every option of a command."""
    params = load_command(name).params
    return {option for each in params for option in (*each.opts, *each.secondary_opts)}


ANYWHERE = set.union(*map(options_of, COMMANDS))
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def test_every_kind_of_snippet_is_tested() -> None:
    assert {snippet.language for snippet in snippets()} == KNOWN


def files_of_steps_one_and_two(folder: Path) -> Path:
    """The port and the job as README writes them; gives the job file."""
    (port,) = of_language("json")
    (folder / "my_port.geojson").write_text(port.text)
    (folder / "job.yaml").write_text(of_language("yaml")[0].text)
    return folder / "job.yaml"


def test_the_port_and_the_job_are_read_as_they_stand(tmp_path: Path) -> None:
    job = read_job(files_of_steps_one_and_two(tmp_path))
    (ref,) = job.ports
    assert ref.file is not None
    assert load_port(ref.file).id == ref.id == "my-port"
    assert job.archive == str(tmp_path / "archive")


def test_what_is_believed_is_read_as_it_stands(tmp_path: Path) -> None:
    job = files_of_steps_one_and_two(tmp_path)
    job.write_text(job.read_text() + of_language("yaml")[1].text)
    (tmp_path / "entries.csv").write_text("visit_id,what,source,load,barrels\n")
    found = read_job(job).estimates
    assert found.dwell is not None
    assert found.dwell.source == "AIS of 2023, this berth"
    assert found.cap_barrels == 500_000
    assert of_language("yaml")[2:] == []


def test_the_bundled_port_that_readme_names_is_a_file_of_the_same_kind() -> None:
    (port,) = of_language("json")
    roles = {feature["properties"]["role"] for feature in json.loads(port.text)["features"]}
    assert roles == {"port", "berth"}


@pytest.mark.parametrize("snippet", of_language("sh"), ids=lambda snippet: snippet.place)
def test_commands_of_a_shell_snippet_exist_with_their_options(snippet: Snippet) -> None:
    for command in commands(snippet):
        words = shlex.split(command)
        match words[0]:
            case "berthwatch":
                asked = {word for word in words[2:] if word.startswith("-")}
                assert asked <= options_of(words[1]) | EVERYWHERE, command
            case "make":
                (target, *_) = (word for word in words[1:] if "=" not in word)
                assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)
            case "cp":
                assert (ROOT / words[-2] / "settings.yaml").is_file()
            case other:
                assert other in {"helm", "kubectl"}, "a command that nobody tests"


def test_the_table_of_commands_has_all_of_them_and_no_option_that_is_none() -> None:
    called: set[str] = set()
    for first, rest in command_rows():
        names = set(re.findall(r"`([a-z][a-z-]*)", first))
        called |= names
        own = set.union(*map(options_of, names)) | EVERYWHERE
        assert set(OPTION.findall(first)) <= own, first
        # what is said of one command may speak of others too
        assert set(OPTION.findall(rest)) <= own | ANYWHERE, rest
    assert called == {name for name, entry in COMMANDS.items() if not entry.hidden}


def test_commands_in_the_text_exist_with_their_options() -> None:
    text = re.sub(
        r"```.*?```", "", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.DOTALL
    )
    found = re.findall(r"`berthwatch ([a-z][a-z-]*)([^`]*)`", text)
    assert found
    for name, rest in found:
        asked = set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", rest))
        assert asked <= options_of(name) | EVERYWHERE, f"berthwatch {name}{rest}"
