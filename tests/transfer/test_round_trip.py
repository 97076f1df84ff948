"""A configuration that is exported and applied elsewhere is the same there."""

import orjson

from auth_app.actor import Actor
from proxy_app.transfer.document import as_yaml, parse
from proxy_app.transfer.sections import SECTIONS
from tests.transfer.conftest import applied, done, everything, exported, nothing, planned


def test_everything_comes_back_from_an_empty_installation(admin: Actor, secrets: dict[str, str]) -> None:
    everything()
    before = exported(admin)
    assert all(before[section.name] for section in SECTIONS), "one of every kind"
    nothing()
    outcome = applied(admin, before)
    assert [one["message"] for one in outcome.problems] == []
    assert exported(admin) == before


def test_as_yaml_and_as_json(admin: Actor, secrets: dict[str, str]) -> None:
    everything()
    before = exported(admin)
    text = as_yaml(before, "https://gw.example.com/schema/config.json")
    assert text.startswith("# yaml-language-server: $schema=https://gw.example.com/schema/config.json\n")
    assert parse(text) == before == parse(orjson.dumps(before).decode())


def test_applied_where_it_comes_from_it_changes_nothing(admin: Actor, secrets: dict[str, str]) -> None:
    everything()
    document = exported(admin)
    outcome = applied(admin, document)
    assert not outcome.problems
    assert done(outcome) == {"unchanged": outcome.counts["unchanged"]}


def test_a_second_import_has_nothing_left_to_do(admin: Actor, secrets: dict[str, str]) -> None:
    everything()
    document = exported(admin)
    nothing()
    first = done(applied(admin, document))
    second = applied(admin, document)
    assert set(first) == {"create"}
    assert set(done(second)) == {"unchanged"}
    assert set(done(planned(admin, document))) == {"unchanged"}
