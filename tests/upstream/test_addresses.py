"""Where upstreams may live: what is refused when a URL is saved, and what is never connected to whatever DNS says."""

import asyncio
import socket
from collections.abc import Callable

import httpx
import pytest

from proxy_app.upstream.addresses import AddressGuard, AddressNotAllowed, check_url
from proxy_app.upstream.client import UpstreamClient, send
from proxy_app.upstream.errors import UpstreamUnreachable
from proxy_app.upstream.failures import AddressRefused
from proxy_app.upstream.resolver import Resolver
from proxy_app.upstream.transport import AiohttpTransport
from tests.upstream.fakes import FakeUpstream, closed_port, polite, unanswered_port

REFUSED_HOSTS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "0",
    "0.0.0.0",  # noqa: S104  a name for this very machine
    "10.0.0.1",
    "172.16.5.5",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "169.254.170.2",
    "192.0.0.192",
    "168.63.129.16",
    "100.100.100.200",
    "192.88.99.1",
    "198.18.0.1",
    "203.0.113.7",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "①②⑦.0.0.1",
    "127。0。0。1",
    "127.0.0.1.",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "printer.local",
    "metadata.google.internal",
    "[::]",
    "[::1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:7f00:1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[2002:7f00:1::1]",
    "[2001:0:a00:1::f5ff:fffe]",
    "[2001:db8::1]",
    "[2001:10::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe80::1%25eth0]",
    "[fec0::1]",
    "[ff02::1]",
    "[100::1]",
]

REFUSED_URLS = [
    "",
    "example.com",
    "//example.com/",
    "http:example.com",
    "http:169.254.169.254",
    "http:/example.com",
    "http://",
    "http:///path",
    "http://./",
    "ftp://example.com/",
    "file:///etc/passwd",
    "gopher://example.com/",
    "unix:///run/x.sock",
    "javascript://example.com/%0aalert(1)",
    "http://user@example.com/",
    "http://user:secret@example.com/",
    "http://@example.com/",
    "http://example.com@169.254.169.254/",
    "http://169.254.169.254#@example.com/",
    "http://example.com/#fragment",
    "http://example.com/#",
    "http://example.com\\@169.254.169.254/",
    "http://example.com\t/",
    "http://exam ple.com/",
    "http://example.com/a b",
    "http://example.com\r\nHost: evil/",
    "http://example.com/\0",
    "http://example.com:22/",
    "http://example.com:25/",
    "http://example.com:5432/",
    "http://example.com:6379/",
    "http://example.com:11211/",
    "http://example.com:0/",
    "http://example.com:99999/",
    "http://example.com:abc/",
    "http://[::1/",
    "http://exa%6dple.com/",
    "http://" + "a" * 3000 + ".com/",
]


@pytest.mark.parametrize("host", REFUSED_HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_an_address_that_is_not_public_cannot_be_saved(scheme: str, host: str) -> None:
    with pytest.raises(AddressNotAllowed):
        check_url(f"{scheme}://{host}/mcp")


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_url_with_a_trick_in_it_cannot_be_saved(url: str) -> None:
    with pytest.raises(AddressNotAllowed) as caught:
        check_url(url)
    assert (caught.value.status, caught.value.code) == (422, "address_not_allowed")


def test_every_refusal_reads_the_same() -> None:
    """Or saving URLs would be a way to look around in a private network."""
    messages = set()
    for url in (*REFUSED_URLS, *(f"http://{host}/" for host in REFUSED_HOSTS)):
        with pytest.raises(AddressNotAllowed) as caught:
            check_url(url)
        messages.add((caught.value.message, caught.value.fields))
    assert len(messages) == 1


@pytest.mark.parametrize(
    ("url", "host", "port", "address"),
    [
        ("https://mcp.example.com/mcp", "mcp.example.com", 443, None),
        ("http://mcp.example.com:8080/a?b=c", "mcp.example.com", 8080, None),
        ("HTTPS://Example.COM/", "example.com", 443, None),
        ("https://bücher.example/", "xn--bcher-kva.example", 443, None),
        ("http://93.184.216.34/", "93.184.216.34", 80, "93.184.216.34"),
        ("http://[2606:2800:220:1::c8]/", "2606:2800:220:1::c8", 80, "2606:2800:220:1::c8"),
        ("http://[64:ff9b::5db8:d822]/", "64:ff9b::5db8:d822", 80, "64:ff9b::5db8:d822"),
        ("http://[::ffff:93.184.216.34]/", "::ffff:93.184.216.34", 80, "::ffff:5db8:d822"),
    ],
)
def test_a_public_url_is_taken_apart(url: str, host: str, port: int, address: str | None) -> None:
    target = check_url(url)
    assert (target.host, target.port) == (host, port)
    assert target.address is None if address is None else str(target.address) in {address, host}
    assert httpx.URL(target.url).raw_host.decode().strip("[]") == host


def test_private_networks_open_only_for_what_was_allowed() -> None:
    networks = ["10.1.0.0/16", "fd12::/16"]
    for url in ("http://10.1.2.3:8080/", "http://[::ffff:10.1.2.3]/", "http://[fd12::5]/", "http://localhost/"):
        check_url(url, networks)
    for url in ("http://10.2.0.1/", "http://127.0.0.1/", "http://[fd13::5]/", "http://10.1.2.3:6379/"):
        with pytest.raises(AddressNotAllowed):
            check_url(url, networks)


@pytest.mark.parametrize("address", ["169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254"])
def test_metadata_services_stay_closed_however_much_is_allowed(address: str) -> None:
    guard = AddressGuard(["0.0.0.0/0", "::/0"])
    assert guard.permits("10.0.0.1")
    assert guard.permits("::1")
    assert not guard.permits(address)


@pytest.mark.parametrize("text", ["", "example.com", "127.1", "1.2.3.4.5", "::g"])
def test_what_is_no_address_is_never_permitted(text: str) -> None:
    assert not AddressGuard(["0.0.0.0/0", "::/0"]).permits(text)


def test_a_network_that_cannot_be_read_stops_the_start() -> None:
    with pytest.raises(ValueError, match="network"):
        AddressGuard(["10.0.0.0/99"])


# --- At connect time --------------------------------------------------------------------------------------------------


@pytest.fixture
def dns(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """A resolver under our control: each look-up takes the next list of addresses; the last one stays."""
    answers: list[list[str]] = []

    async def resolve(self: object, host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        addresses = answers.pop(0) if len(answers) > 1 else answers[0]
        return [
            {"hostname": host, "host": address, "port": port, "family": socket.AF_INET, "proto": 0, "flags": 0}
            for address in addresses
        ]

    monkeypatch.setattr(Resolver, "resolve", resolve)
    return answers


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]"])
async def test_a_literal_that_slipped_past_the_save_is_not_connected_to(
    new_transport: Callable[..., AiohttpTransport], host: str
) -> None:
    transport = new_transport(guard=AddressGuard())
    async with FakeUpstream(polite) as upstream:
        with pytest.raises(AddressRefused):
            await transport.handle_async_request(httpx.Request("GET", f"http://{host}:{upstream.port}/"))
        assert (upstream.connections, transport.busy) == (0, 0)


@pytest.mark.anyio
@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f000001", "0177.0.0.1", "①②⑦.0.0.1", "localhost"])
async def test_no_spelling_of_the_loopback_is_connected_to(
    new_transport: Callable[..., AiohttpTransport], host: str
) -> None:
    transport = new_transport(guard=AddressGuard())
    async with FakeUpstream(polite) as upstream:
        with pytest.raises((httpx.TransportError, httpx.InvalidURL)):
            await transport.handle_async_request(httpx.Request("GET", f"http://{host}:{upstream.port}/"))
        assert (upstream.connections, transport.busy) == (0, 0)


@pytest.mark.anyio
async def test_a_name_that_leads_inside_is_not_connected_to(
    new_transport: Callable[..., AiohttpTransport], dns: list[list[str]]
) -> None:
    transport = new_transport(guard=AddressGuard())
    async with FakeUpstream(polite) as upstream:
        dns.append(["127.0.0.1"])
        with pytest.raises(AddressRefused):
            await transport.handle_async_request(httpx.Request("GET", f"http://inside.example:{upstream.port}/"))
        assert upstream.connections == 0


@pytest.mark.anyio
async def test_of_several_addresses_only_the_permitted_are_tried(
    new_transport: Callable[..., AiohttpTransport], dns: list[list[str]]
) -> None:
    transport = new_transport(guard=AddressGuard(["127.0.0.2/32"]))
    async with FakeUpstream(polite) as upstream:  # listens on 127.0.0.1 only
        dns.append(["127.0.0.1", "127.0.0.2"])
        with pytest.raises(httpx.ConnectError) as caught:
            await transport.handle_async_request(httpx.Request("GET", f"http://both.example:{upstream.port}/"))
        assert not isinstance(caught.value, AddressRefused)
        assert upstream.connections == 0


@pytest.mark.anyio
async def test_a_name_that_turns_inside_between_two_connections_is_judged_again(
    new_transport: Callable[..., AiohttpTransport], dns: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rebinding: first an address that is allowed, then, with the cache expired, the one the attacker is after."""
    monkeypatch.setattr("proxy_app.upstream.connector.DNS_CACHE_S", 0)
    transport = new_transport(guard=AddressGuard(["127.0.0.1/32"]))
    async with FakeUpstream(polite) as upstream:
        url = f"http://flips.example:{upstream.port}/"
        dns.extend([["127.0.0.1"], ["127.0.0.2"]])
        for expected in ("answered", "refused", "refused"):
            request = httpx.Request("GET", url, headers={"connection": "close"})
            if expected == "answered":
                await (await transport.handle_async_request(request)).aread()
                transport.close_idle()
            else:
                with pytest.raises(AddressRefused):
                    await transport.handle_async_request(request)
            await asyncio.sleep(0.01)
        assert len(upstream.requests) == 1


@pytest.mark.anyio
async def test_the_address_that_was_judged_is_the_one_connected_to(
    new_transport: Callable[..., AiohttpTransport], dns: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One look-up per connection: there is no second answer that could differ from the judged one."""
    asked: list[str] = []
    transport = new_transport(guard=AddressGuard(["127.0.0.0/8"]))
    resolve = Resolver.resolve

    async def counting(self: object, host: str, port: int = 0, family: int = 0) -> list[dict[str, object]]:
        asked.append(host)
        return await resolve(self, host, port, family)  # type: ignore[arg-type, return-value]

    monkeypatch.setattr(Resolver, "resolve", counting)
    async with FakeUpstream(polite) as upstream:
        dns.append(["127.0.0.1"])
        response = await transport.handle_async_request(httpx.Request("GET", f"http://name.example:{upstream.port}/"))
        await response.aread()
        assert asked == ["name.example"]
        assert upstream.requests[0].header("host") == f"name.example:{upstream.port}"


@pytest.mark.anyio
async def test_a_port_of_another_service_is_not_connected_to(transport: AiohttpTransport) -> None:
    with pytest.raises(AddressRefused):
        await transport.handle_async_request(httpx.Request("GET", "http://127.0.0.1:6379/"))


@pytest.mark.anyio
async def test_blocked_refused_and_unanswered_look_alike_to_the_caller(
    install: Callable[..., UpstreamClient], caplog: pytest.LogCaptureFixture
) -> None:
    install(UPSTREAM_ALLOWED_NETWORKS=["127.0.0.1/32"], HTTP_CONNECT_TIMEOUT=0.2)
    answers = set()
    with unanswered_port() as port:
        for place in ("127.0.0.2", f"127.0.0.1:{closed_port()}", "127.0.0.1:6379", f"127.0.0.1:{port}"):
            with pytest.raises(UpstreamUnreachable) as caught:
                await send(httpx.Request("GET", f"http://{place}/"))
            answers.add((type(caught.value), caught.value.message, caught.value.status, caught.value.code))
    assert len(answers) == 1
    assert "127.0.0.2" in str([vars(record) for record in caplog.records])
