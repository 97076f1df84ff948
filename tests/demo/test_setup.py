"""The demo's registration, which every `make run` repeats: it keeps what is the demo's, and touches nothing else."""

import pytest
from pytest_django import Settings

from auth_app.actor import Actor
from proxy_app.demo.setup import ensure_demo
from proxy_app.models import Gateway, Server
from tests.builders import a_gateway, an_admin
from tests.committed import db

__all__ = ["db"]

NOBODY = "http://127.0.0.1:65001/mcp"


@pytest.fixture
def admin(db: None, settings: Settings) -> Actor:
    settings.UPSTREAM_ALLOWED_NETWORKS = ["127.0.0.0/8"]
    user = an_admin()
    return Actor(user.pk, user.email, is_admin=True)


def test_a_later_run_changes_the_url_and_nothing_else(admin: Actor) -> None:
    ensure_demo(admin, NOBODY)
    Gateway.objects.update(description="Ours.")
    ensure_demo(admin, "http://127.0.0.1:65002/mcp")
    gateway = Gateway.objects.get()
    assert (gateway.slug, gateway.url, gateway.description) == ("demo", "http://127.0.0.1:65002/mcp", "Ours.")
    assert Server.objects.get().slug == "demo"


def test_somebodys_own_gateway_of_that_name_is_left_alone(admin: Actor) -> None:
    public = a_gateway("demo", url="https://theirs.example.com/mcp")
    ensure_demo(admin, NOBODY)
    assert (Gateway.objects.get(), Gateway.objects.get().url) == (public, "https://theirs.example.com/mcp")
    assert not Server.objects.exists()


def test_a_private_gateway_of_that_name_is_not_taken_for_the_demo(admin: Actor) -> None:
    a_gateway("demo", visibility="private", owner_id=admin.user_id, url="https://mine.example.com/mcp")
    ensure_demo(admin, NOBODY)
    assert set(Gateway.objects.values_list("visibility", "url")) == {
        ("private", "https://mine.example.com/mcp"),
        ("public", NOBODY),
    }
