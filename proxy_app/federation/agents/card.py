"""What an agent's card says, checked and cleaned: it is untrusted text. No database, no network."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from proxy_app.federation.offer import MAX_DESCRIPTION, Item, storable
from proxy_app.upstream.a2a import V03, V1, is_card_url
from proxy_app.upstream.addresses import AddressNotAllowed, check_url
from proxy_app.upstream.errors import UpstreamProtocol
from proxy_app.upstream.mcp.texts import one_line, paragraphs

MAX_SKILLS, MAX_TAGS, MAX_INTERFACES = 100, 20, 20
MAX_SKILL_TEXT = 1024
JSON_RPC = "JSONRPC"


@dataclass(frozen=True, slots=True)
class Card:
    """`told` is what is kept of it as it is shown; `interfaces` are the addresses that take JSON-RPC, best first."""

    told: Item = field(default_factory=dict)
    description: str | None = None
    capabilities: Item = field(default_factory=dict)
    icon: str = ""
    interfaces: tuple[tuple[str, str], ...] = ()  # (URL, version)


def read_card(raw: Item, found_at: str) -> Card:
    interfaces = list(_interfaces(raw))[:MAX_INTERFACES]
    provider = raw.get("provider")
    told = {
        "url": found_at,
        "name": one_line(raw.get("name"), 255),
        "version": one_line(raw.get("version"), 100),
        "provider": one_line(provider.get("organization") if isinstance(provider, dict) else None, 255),
        "skills": [_skill(skill) for skill in _objects(raw.get("skills"))[:MAX_SKILLS]],
        "interfaces": [{"url": url, "binding": binding, "version": version} for url, binding, version in interfaces],
    }
    icon = one_line(raw.get("iconUrl"), 2000)
    return Card(
        told=told,
        description=paragraphs(raw.get("description"), MAX_DESCRIPTION) or None,
        capabilities=storable(raw.get("capabilities")) or {},
        icon=icon if icon.startswith("https://") else "",
        interfaces=tuple((url, version) for url, binding, version in interfaces if binding == JSON_RPC),
    )


def spoken(card: Card, wanted: str) -> str:
    """The version of the protocol to speak: the wanted one, unless the card offers only the other."""
    offered = [version for _url, version in card.interfaces if version in (V1, V03)]
    return wanted if wanted in offered or not offered else offered[0]


def message_url(card: Card, endpoint_url: str, version: str) -> str:
    """Where messages go when not to the endpoint itself; empty when they do. Raises UpstreamProtocol.

    The card's word counts for an endpoint that is only a host or a card, and only for the same origin: the agent's
    credential is sent there.
    """
    if any(url == endpoint_url for url, _version in card.interfaces):
        return ""
    if urlsplit(endpoint_url).path.strip("/") and not is_card_url(endpoint_url):
        return ""
    home = _origin(endpoint_url)
    here = [(url, its) for url, its in card.interfaces if home is not None and _origin(url) == home]
    best = next((url for url, its in here if its == version), here[0][0] if here else "")
    if not best and is_card_url(endpoint_url):
        raise UpstreamProtocol("The card names no address on its own host that takes JSON-RPC.")
    return best


def _origin(url: str) -> tuple[str, str, int] | None:
    """None for what is no address of an upstream: a card may say anything."""
    try:
        target = check_url(url, settings.UPSTREAM_ALLOWED_NETWORKS)
    except AddressNotAllowed:
        return None
    return target.scheme, target.host, target.port


def _interfaces(raw: Item) -> Iterator[tuple[str, str, str]]:
    """(URL, binding, version): as 1.0 lists them, or as 0.3 names one and others."""
    for one in _objects(raw.get("supportedInterfaces")):
        yield from _interface(one.get("url"), one.get("protocolBinding"), one.get("protocolVersion"))
    if "supportedInterfaces" not in raw:
        version = raw.get("protocolVersion", "0.3.0")
        yield from _interface(raw.get("url"), raw.get("preferredTransport") or JSON_RPC, version)
        for one in _objects(raw.get("additionalInterfaces")):
            yield from _interface(one.get("url"), one.get("transport"), version)


def _interface(url: Any, binding: Any, version: Any) -> Iterator[tuple[str, str, str]]:
    address = one_line(url, 2000)
    if address:
        yield address, one_line(binding, 40).upper(), short_version(one_line(version, 40))


def short_version(text: str) -> str:
    """Versions on the wire are two numbers: `0.3.0` is `0.3`, `1` is `1.0`."""
    if not text:
        return ""
    major, _dot, rest = text.strip().removeprefix("v").partition(".")
    return f"{major}.{rest.partition('.')[0] or '0'}"


def _skill(raw: Item) -> Item:
    tags = raw.get("tags")
    return {
        "id": one_line(raw.get("id"), 100),
        "name": one_line(raw.get("name"), 200),
        "description": one_line(raw.get("description"), MAX_SKILL_TEXT),
        "tags": [one_line(tag, 100) for tag in tags[:MAX_TAGS]] if isinstance(tags, list) else [],
    }


def _objects(value: Any) -> list[Item]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []
