"""What the catalogue's page shows: cards, and what they can be narrowed by, as plain data."""

from collections.abc import Sequence
from typing import Any

from django.http import QueryDict
from django.urls import reverse

from gatewaysite.listing import address, pages
from proxy_app.catalogue.bodies import AUTH_WORDS, Wanted
from proxy_app.catalogue.entries import Auth, Entry
from proxy_app.catalogue.narrowing import counted_by, narrowed
from proxy_app.catalogue.work import Catalogue, Registry

PER_PAGE = 60
PROVIDERS_OFFERED = 200
# What a person needs to have to be let in.
NEEDS: dict[Auth, str] = {
    "open": "Open to everybody",
    "api_key": "Needs a key",
    "oauth": "People log in",
    "oauth_or_key": "People log in, or a key",
    "unsaid": "Says nothing of logging in",
}

Plain = dict[str, Any]


def catalogue_context(catalogue: Catalogue, wanted: Wanted, page: int, get: QueryDict) -> Plain:
    found = narrowed(catalogue, wanted)
    begin = (page - 1) * PER_PAGE
    shown = found[begin : begin + PER_PAGE]
    providers = counted_by(catalogue.entries, lambda entry: entry.provider)[:PROVIDERS_OFFERED]
    return {
        "cards": [_card(entry, catalogue.gateway_of(entry)) for entry in shown],
        "pages": pages(get, page=page, size=PER_PAGE, shown=len(shown), total=len(found))
        | {"noun": "server" if len(found) == 1 else "servers"},
        "search": wanted.search,
        "provider": wanted.provider,
        "providers": [{"value": name, "label": f"{name} ({count})"} for name, count in providers],
        "kept": [(name, value) for name, value in get.items() if name not in ("search", "provider", "page") and value],
        "narrowed": bool(wanted.model_fields_set),
        "chips": _chips(catalogue.entries, wanted, get),
        "registry": _registry(catalogue.registry),
    }


def entry_context(entry: Entry) -> Plain:
    """What the form says of the server it registers."""
    return _card(entry, "") | {"needs_client": entry.needs_client}


def _card(entry: Entry, gateway: str) -> Plain:
    return {
        "id": entry.id,
        "name": entry.name,
        "initials": "".join(word[0] for word in entry.name.split()[:2]).upper(),
        "provider": entry.provider,
        "category": entry.category,
        "description": entry.description,
        "server": entry.url,
        "needs": NEEDS[entry.auth],
        "is_open": entry.auth == "open",
        "docs": entry.docs,
        "tags": list(entry.tags),
        "url": reverse("page-catalogue-item", args=[entry.id]),
        "gateway_url": reverse("page-gateways-item", args=[gateway]) if gateway else "",
    }


def _chips(entries: Sequence[Entry], wanted: Wanted, get: QueryDict) -> list[Plain]:
    """In rows, each with its words. A chip leads to the page with it, or without it where it is on."""
    categories = counted_by(entries, lambda entry: entry.category)
    kinds = dict(counted_by(entries, lambda entry: entry.auth))
    on = wanted.show_registered_only
    return [
        {
            "label": "Category",
            "chips": [_chip(get, "category", name, name, count, wanted.category) for name, count in categories],
        },
        {
            "label": "Letting in",
            "chips": [
                *(
                    _chip(get, "auth_type", words, NEEDS[auth], kinds[auth], wanted.auth_type)
                    for auth, words in AUTH_WORDS.items()
                    if auth in kinds
                ),
                {
                    "label": "Registered",
                    "count": None,
                    "url": address(get, show_registered_only=None if on else "true", page=None),
                    "on": on,
                },
            ],
        },
    ]


def _chip(get: QueryDict, name: str, value: str, label: str, count: int, chosen: str) -> Plain:
    on = value == chosen
    url = address(get, **{name: None if on else value, "page": None})
    return {"label": label, "count": count, "url": url, "on": on}


def _registry(registry: Registry | None) -> Plain | None:
    if registry is None:
        return None
    return {
        "url": registry.url,
        "read_at": registry.read_at,
        "tried_at": registry.tried_at,
        "error": registry.error,
        "count": registry.count,
        "skipped": registry.skipped,
    }
