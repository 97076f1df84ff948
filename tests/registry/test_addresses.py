"""Every spelling of an address that is not for upstreams is refused when it is saved, all in the same words."""

from typing import Any

import pytest

from proxy_app.models import Gateway, Route
from tests.builders import a_gateway, a_route
from tests.registry.conftest import Caller
from tests.upstream.test_addresses import REFUSED_HOSTS, REFUSED_URLS

SPELLINGS = [
    f"{scheme}://{host}{rest}" for host in REFUSED_HOSTS for scheme, rest in (("http", "/x"), ("https", ":8443/"))
]
# Refused by rules for any text before it is looked at as a URL; and a route's base may be given without its scheme.
NO_TEXT = {url for url in REFUSED_URLS if not url or len(url) > 2000 or "\0" in url}
WITHOUT_SCHEME = {"example.com"}
URL_OF = {"gateways": "url", "routes": "upstreamUrl"}

every_kind = pytest.mark.parametrize("kind", URL_OF)


def refusal(answer: Any) -> tuple[int, str, str]:
    return answer.status_code, answer.json()["code"], answer.json()["detail"][0]["msg"]


@every_kind
def test_no_spelling_can_be_saved_and_none_is_told_from_another(admin: Caller, kind: str) -> None:
    urls = {*SPELLINGS, *REFUSED_URLS} - NO_TEXT - (WITHOUT_SCHEME if kind == "routes" else set())
    refusals = {url: refusal(admin.post(f"/{kind}", {"name": "Odd", URL_OF[kind]: url})) for url in urls}
    ((status, code, _words),) = set(refusals.values())
    assert (status, code) == (422, "address_not_allowed")
    assert not Gateway.objects.exists()
    assert not Route.objects.exists()


@every_kind
def test_what_is_saved_cannot_be_moved_there(admin: Caller, kind: str) -> None:
    row = a_gateway() if kind == "gateways" else a_route()
    refusals = {refusal(admin.put(f"/{kind}/{row.pk.hex}", {URL_OF[kind]: url})) for url in SPELLINGS}
    ((status, code, _words),) = refusals
    assert (status, code) == (422, "address_not_allowed")
    version = row.version
    row.refresh_from_db()
    assert row.version == version
