"""The catalogue's file: what comes with the gateway is in order, and what others bring is judged at the start."""

import json
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from proxy_app.catalogue import book
from proxy_app.catalogue.entries import read_file
from proxy_app.upstream.addresses import check_url

GOOD = """
[[servers]]
id = "tickets"
name = "Tickets"
provider = "Us"
category = "Work and projects"
url = "https://tickets.example.com/mcp"
auth = "api_key"
header = "X-Api-Key"
"""


def a_file(folder: Path, text: str, name: str = "more.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_our_own_servers_are_many_and_each_could_be_registered() -> None:
    entries = read_file(book.OURS)

    assert len(entries) >= 40
    assert len({book.same_place(entry.url) for entry in entries}) == len(entries)
    assert {entry.auth for entry in entries} == {"open", "api_key", "oauth", "oauth_or_key"}
    for entry in entries:
        assert check_url(entry.url).scheme == "https"
        assert entry.description.endswith("."), entry.id
        assert entry.docs.startswith("https://"), entry.id
        assert entry.tags, entry.id


def test_our_own_servers_stand_in_the_order_their_file_promises() -> None:
    entries = read_file(book.OURS)

    assert entries == sorted(entries, key=lambda entry: (entry.category, entry.name.lower()))


def test_a_file_adds_servers_and_may_say_one_of_ours_anew(settings: Settings, tmp_path: Path) -> None:
    anew = GOOD.replace('"tickets"', '"github"').replace("tickets.example", "github.example")
    settings.CATALOGUE_SOURCE = str(a_file(tmp_path, GOOD + anew))

    by_id = {entry.id: entry for entry in book.own_entries()}

    assert by_id["tickets"].header == "X-Api-Key"
    assert by_id["github"].url == "https://github.example.com/mcp"
    assert "linear" in by_id


def test_a_file_may_be_json(tmp_path: Path) -> None:
    one = {"id": "a", "name": "A", "provider": "P", "category": "C", "url": "https://a.example", "auth": "open"}
    text = json.dumps({"servers": [one]})

    assert [entry.id for entry in read_file(a_file(tmp_path, text, "more.json"))] == ["a"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[[servers]", "cannot be used"),
        (GOOD.replace('auth = "api_key"', 'auth = "sometimes"'), r"servers\.0\.auth"),
        (GOOD.replace("https://", "file://"), r"servers\.0\.url"),
        (GOOD.replace('header = "X-Api-Key"', 'header = "Host"'), r"servers\.0\.header"),
        (GOOD + 'logo = "https://example.com/a.png"\n', r"servers\.0\.logo"),
        (GOOD + GOOD, "two servers with the id tickets"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=complaint):
        read_file(a_file(tmp_path, text))


def test_a_file_that_is_not_there_is_no_start(settings: Settings, tmp_path: Path) -> None:
    settings.CATALOGUE_SOURCE = str(tmp_path / "nowhere.toml")

    with pytest.raises(ImproperlyConfigured, match="nowhere"):
        book.own_entries()
