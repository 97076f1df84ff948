"""Who may reach which route: every route, every method, everybody, with ids of things of team Blue.

The tables are in tests/contract/access, one for each room; a line there is for a route and a method. A route without
one fails, and so does a line without a route. A line says what the route needs and whose the thing is; the rest follows
from what each caller may do with such a thing. To add a route, add its line. test_access_of_the_data_plane.py has the
rest.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import DjangoDbBlocker

from gatewaysite.responses import wants_page
from tests.contract.access import (
    account,
    catalogue,
    decisions,
    front,
    gateways,
    oauth,
    operations,
    people,
    registry,
    roles,
    sso,
    teams,
    transfer,
)
from tests.contract.access.table import BROWSERS, CALLERS, Table
from tests.contract.access.world import World, rolled_back, same_cookies

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROOMS = (
    front, registry, gateways, catalogue, operations, decisions, roles, teams, people, account, sso, oauth, transfer,
)  # fmt: skip
TABLE: Table = {place: line for room in ROOMS for place, line in room.TABLE.items()}


@pytest.fixture(scope="module")
def db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """For all tests here together. By its name pytest-django knows that there is to be a database."""
    with django_db_blocker.unblock(), rolled_back():
        yield


@pytest.fixture(scope="module")
def world(db: None) -> World:
    return World()


def patterns() -> Iterator[tuple[str, str]]:
    """(path as the table writes it, name). /v1 has the same JSON endpoints again."""

    def walk(found: Any, before: str = "") -> Iterator[tuple[str, str]]:
        for one in found:
            if isinstance(one, URLResolver):
                yield from walk(one.url_patterns, before + str(one.pattern))
            elif isinstance(one, URLPattern):
                path = re.sub(r"\(\?P(<\w+>)[^)]*\)|<\w+:(\w+)>", _place, str(one.pattern).strip("^$"))
                yield before + path, one.name or ""

    yield from walk(get_resolver("gatewaysite.urls").url_patterns)


def _place(found: re.Match[str]) -> str:
    return found[1] or f"<{found[2]}>"


def outcome(answer: Any, *, page: bool) -> str:
    if page and answer.status_code in (302, 303) and answer["Location"].startswith("/login"):
        return "303"
    return str(answer.status_code) if answer.status_code in (401, 403, 404, 405) else "allowed"


# --- Every route -----------------------------------------------------------------------------------------------------


def test_every_route_has_its_lines_and_every_line_its_route() -> None:
    found = {path for path, _name in patterns()}
    first, again = (
        {path for path in found if not path.startswith("v1/")},
        {path[3:] for path in found if path[:3] == "v1/"},
    )
    assert {path for _method, path in TABLE} == first
    assert sum(len(room.TABLE) for room in ROOMS) == len(TABLE), "two rooms have the same line"
    assert again == {path for path in first if not wants_page(f"/{path}")} - NOT_BELOW_V1


# What operators ask, and what the world knows by one address only.
NOT_BELOW_V1 = {
    "ops/attestations", "ops/attestations/<key>", "ops/settings",
    "oauth/token", "oauth/register", "oauth/revoke", "oauth/client-metadata.json",
}  # fmt: skip


def test_every_route_has_a_name_that_is_its_own() -> None:
    """Logs and metrics know routes by it. A path may have several, and with a slash at its end the same one."""
    places = {(path.removesuffix("/"), name) for path, name in patterns() if not path.startswith("v1/")}
    assert not [path for path, name in places if not name]
    assert not [name for name, count in Counter(name for _path, name in places).items() if count > 1]


@pytest.mark.parametrize("path", sorted({path for _method, path in TABLE}))
def test_every_method_has_its_line_or_is_405(world: World, path: str) -> None:
    some = next(line for (_method, its), line in TABLE.items() if its == path)
    for method in METHODS:
        if (method, path) not in TABLE:
            answer = world.ask("administrator", method, path, replace(some, body=None, query=""))
            assert answer.status_code == int(some.everybody) if some.everybody == "404" else 405, method
            assert method not in answer.get("Allow", "")


# --- Everybody -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "path"), TABLE, ids=lambda part: part or "root")
def test_everybody_gets_what_the_table_says(world: World, method: str, path: str) -> None:
    line, page = TABLE[method, path], wants_page(f"/{path}")
    answers = {caller: world.ask(caller, method, path, line) for caller in CALLERS}
    found = {caller: outcome(answer, page=page) for caller, answer in answers.items()}
    if line.everybody:  # some of what is open leads to the log-in by itself
        found = {caller: "allowed" if one == "303" else one for caller, one in found.items()}
    assert found == {caller: line.expected(caller, page=page) for caller in CALLERS}
    assert not [caller for caller, answer in answers.items() if answer.status_code >= 500 and answer.status_code != 503]
    assert not [caller for caller, answer in answers.items() if is_unexplained(answer)]


def is_unexplained(answer: Any) -> bool:
    """Whether it is a refusal by the policy that cannot be asked about."""
    if answer.status_code != 403 or not answer["Content-Type"].startswith("application/json"):
        return False
    told = answer.json()
    return told["code"] == "forbidden" and "decision_id" not in told


HIDDEN = [place for place, line in TABLE.items() if any(line.hides_from(caller) for caller in CALLERS)]


@pytest.mark.parametrize(("method", "path"), HIDDEN)
def test_what_is_foreign_and_what_is_nowhere_cannot_be_told_apart(world: World, method: str, path: str) -> None:
    line = TABLE[method, path]
    key = world.keys[line.key]
    unknown = "999999999" if key.isdigit() else uuid4().hex
    for caller in (one for one in CALLERS if line.hides_from(one)):
        foreign = told(world.ask(caller, method, path, line), key)
        assert foreign == told(world.ask(caller, method, path, line, unknown), unknown), caller


def told(answer: Any, key: str) -> tuple[int, str, Mapping[str, str]]:
    """All of an answer but what differs between any two."""
    text = answer.content.decode().replace(key, "KEY")
    headers = {name: value for name, value in answer.items() if name not in ("X-Request-Id", "Content-Length")}
    text = re.sub(r'csrfmiddlewaretoken" value="[^"]+"|Request id</dt><dd><code>\w+', "", text)
    return answer.status_code, text, headers


# --- The rail --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("caller", sorted(BROWSERS))
def test_the_rail_leads_to_pages_that_open_or_say_what_is_missing(world: World, caller: str) -> None:
    client = world.clients[caller]
    rail = client.get("/admin").content.decode().partition('<nav class="rail"')[2].partition("</nav>")[0]
    links = re.findall(r'<a href="([^"]+)"', rail)
    assert len(links) > 10
    for link in links:
        with rolled_back(), same_cookies(client):
            answer = client.get(link)
        explains = answer.status_code == 403 and "needs the permission" in answer.content.decode()
        assert answer.status_code == 200 or explains, link
        assert answer.status_code == 200 or caller != "administrator", link
