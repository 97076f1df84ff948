"""A small control plane of a test's own: two threads, and a line of three."""

import asyncio
from collections.abc import Callable, Iterator

import pytest
from django.urls import clear_url_caches
from pytest_django import Settings

from gatewaysite.control_plane import ControlPlane
from gatewaysite.types import Scope
from tests.committed import db
from tests.control_plane.views import gate

__all__ = ["control_plane", "db"]


@pytest.fixture(autouse=True)
def _routes(settings: Settings) -> Iterator[None]:
    settings.ROOT_URLCONF = "tests.control_plane.urls"
    clear_url_caches()
    gate.reset()
    yield
    gate.open.set()
    clear_url_caches()


def line_of(scope: Scope) -> str:
    return "waiting" if scope["path"].startswith("/waiting/") else "main"


@pytest.fixture
def control_plane(_routes: None) -> Iterator[ControlPlane]:
    plane = ControlPlane(threads=2, max_waiting=3, line_of=line_of)
    yield plane
    gate.open.set()
    plane.close()


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not happened():
            await asyncio.sleep(0.002)
