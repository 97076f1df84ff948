"""Reading an MCP registry: both shapes of its answer, all of its pages, bounded, as text that nobody vouches for."""

import json
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from pytest_django import Settings

from proxy_app.catalogue import reading, work
from proxy_app.catalogue.registries import NotARegistry, entries_of, page_of
from proxy_app.catalogue.tasks import read_catalogue
from proxy_app.models import RegistryReading
from tests.upstream.fakes import FakeUpstream, Peer

OFFICIAL = "io.modelcontextprotocol.registry/official"


def a_server(name: str = "com.example/tickets", **values: Any) -> dict[str, Any]:
    remote = {"type": "streamable-http", "url": f"https://{name.rpartition('/')[2]}.example.com/mcp"}
    return {"name": name, "description": "Finds tickets", "version": "1.0.0", "remotes": [remote]} | values


def an_answer(*servers: dict[str, Any], cursor: str = "", status: str = "active") -> bytes:
    listed = [{"server": server, "_meta": {OFFICIAL: {"status": status, "isLatest": True}}} for server in servers]
    return json.dumps({"servers": listed, "metadata": {"count": len(servers), "nextCursor": cursor}}).encode()


def test_a_server_of_a_registry_becomes_an_entry() -> None:
    (entry,), others = entries_of(
        page_of(an_answer(a_server(title="Tickets", websiteUrl="https://example.com"))).servers
    )

    assert (entry.id, entry.name, entry.provider) == ("com.example~tickets", "Tickets", "example.com")
    assert (entry.url, entry.docs, entry.auth) == ("https://tickets.example.com/mcp", "https://example.com", "unsaid")
    assert others == 0


def test_the_older_shape_without_a_wrapping_is_read_too() -> None:
    remote = {"transport_type": "streamable-http", "url": "https://old.example.com/mcp"}
    body = json.dumps({"servers": [a_server("com.example/old", remotes=[remote])], "metadata": {"next_cursor": "n"}})

    page = page_of(body.encode())

    assert page.next_cursor == "n"
    assert [entry.url for entry in entries_of(page.servers)[0]] == ["https://old.example.com/mcp"]


def test_a_header_that_is_asked_for_takes_the_key() -> None:
    headers = [{"name": "X-Key", "isSecret": True}, {"name": "X-Region"}]
    remote = {"type": "streamable-http", "url": "https://a.example.com", "headers": headers}

    ((entry,), _others) = entries_of([a_server(remotes=[remote])])

    assert (entry.auth, entry.header) == ("api_key", "X-Key")


TWO_HEADERS = [{"name": "X-A", "isRequired": True}, {"name": "X-B", "isRequired": True}]


@pytest.mark.parametrize(
    "server",
    [
        a_server(remotes=[]),
        a_server(remotes=[{"type": "sse", "url": "https://a.example.com/sse"}]),
        a_server(remotes=[{"type": "streamable-http", "url": "https://{tenant}.example.com/mcp"}]),
        a_server(remotes=[{"type": "streamable-http", "url": "javascript:alert(1)"}]),
        a_server(remotes=[{"type": "streamable-http", "url": "https://a.example", "headers": TWO_HEADERS}]),
        a_server(status="deprecated"),
        a_server("../../etc"),
        "no object",
        {"server": None},
    ],
)
def test_what_no_gateway_can_be_made_of_is_counted_and_left_out(server: Any) -> None:
    assert entries_of([server, a_server()])[1] == 1


def test_texts_of_a_registry_are_one_line_and_short() -> None:
    ((entry,), _others) = entries_of([a_server(title="A\x00\n\u202eB" * 90, description="x\r\ny" * 900)])

    assert "\n" not in entry.name + entry.description
    assert "\u202e" not in entry.name
    assert (len(entry.name), len(entry.description)) == (100, 1000)


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b'{"servers": "many"}', b'{"tools": []}'])
def test_an_answer_that_is_no_registrys_is_refused(body: bytes) -> None:
    with pytest.raises(NotARegistry):
        page_of(body)


# --- The job, over a real socket ---------------------------------------------------------------------------------


async def job(at: int = 0) -> None:
    await read_catalogue(timestamp=at)


@pytest.mark.anyio
@pytest.mark.usefixtures("upstreams")
class TestTheJob:
    async def test_every_page_is_read_and_kept(self, settings: Settings) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.answer(an_answer(a_server("com.example/one"), cursor="c d"))
            await peer.request()
            await peer.answer(an_answer(a_server("com.example/two"), a_server("com.example/three", remotes=[])))

        async with FakeUpstream(script) as upstream:
            settings.CATALOGUE_SOURCE = upstream.url + "v0.1/servers"
            await job()
            first, second = (request.line for request in upstream.requests)

        kept = await RegistryReading.objects.aget()
        assert [entry["id"] for entry in kept.entries] == ["com.example~one", "com.example~two"]
        assert (kept.skipped, kept.error) == (1, "")
        assert first.startswith("GET /v0.1/servers?limit=100&version=latest ")
        assert "cursor=c%20d" in second or "cursor=c+d" in second

    async def test_what_has_not_changed_is_not_read_again(self, settings: Settings) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.answer(an_answer(a_server()), b'ETag: "v1"')
            await peer.request()
            await peer.answer(b"", status=b"304 Not Modified")

        async with FakeUpstream(script) as upstream:
            settings.CATALOGUE_SOURCE = upstream.url
            await job()
            await job()
            assert upstream.requests[1].header("if-none-match") == '"v1"'

        kept = await RegistryReading.objects.aget()
        assert len(kept.entries) == 1
        assert kept.read_at is not None
        assert kept.tried_at > kept.read_at

    async def test_the_last_good_reading_stays_while_the_registry_is_in_trouble(self, settings: Settings) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.answer(an_answer(a_server()))
            await peer.request()
            await peer.answer(b"<h1>oh</h1>")

        async with FakeUpstream(script) as upstream:
            settings.CATALOGUE_SOURCE = upstream.url
            await job()
            await job()

        kept = await RegistryReading.objects.aget()
        assert len(kept.entries) == 1
        assert kept.error == "The answer is not that of an MCP registry."

    async def test_an_endless_page_is_given_up(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(reading, "PAGE_LIMIT_BYTES", 1000)

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.answer(an_answer(*(a_server() for _ in range(50))))

        async with FakeUpstream(script) as upstream:
            settings.CATALOGUE_SOURCE = upstream.url
            await job()

        kept = await RegistryReading.objects.aget()
        assert kept.read_at is None
        assert kept.error

    async def test_a_registry_that_never_ends_is_read_so_far(
        self, settings: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reading, "MOST_PAGES", 3)

        async def script(peer: Peer) -> None:
            for number in range(3):
                await peer.request()
                await peer.answer(an_answer(a_server(f"com.example/n{number}"), cursor="on"))

        async with FakeUpstream(script) as upstream:
            settings.CATALOGUE_SOURCE = upstream.url
            await job()
            assert len(upstream.requests) == 3

        assert len((await RegistryReading.objects.aget()).entries) == 3

    async def test_an_address_inside_is_never_asked(self, settings: Settings) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()

        async with FakeUpstream(script) as upstream:
            settings.UPSTREAM_ALLOWED_NETWORKS = []
            settings.CATALOGUE_SOURCE = upstream.url
            await job()
            assert not upstream.requests

        assert "not allowed" in (await RegistryReading.objects.aget()).error

    async def test_it_is_read_once_an_hour_and_sooner_after_trouble(self, settings: Settings) -> None:
        now = timezone.now()
        url = "https://registry.example.com/v0/servers"
        values = {"tried_at": now, "read_at": now, "etag": "e"}
        await RegistryReading.objects.acreate(url=url, **values)

        async def due(**changes: Any) -> str | None:
            await RegistryReading.objects.aupdate(**values | changes)
            return await sync_to_async(work.etag_if_due)(url, now=now, at_once=False)

        assert await due() is None
        assert await due(tried_at=now - timedelta(hours=2)) == "e"
        assert await due(error="It was away") == "e"
        assert await due(read_at=None, error="It was away") == ""
