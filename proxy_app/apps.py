"""The Django app of everything registered and called; its ready() builds the process's one upstream client."""

from django.apps import AppConfig
from django.conf import settings


class ProxyAppConfig(AppConfig):
    name = "proxy_app"

    def ready(self) -> None:
        """Constructs only: this runs before gunicorn forks, so no loop, thread or socket may exist yet."""
        from proxy_app.upstream.client import install

        install(settings)


async def open_upstreams() -> None:
    """ASGI lifespan start-up."""
    from proxy_app.upstream.client import client

    await client().door.open()


async def close_upstreams() -> None:
    """ASGI lifespan shutdown: end the MCP sessions we hold, then every connection."""
    from proxy_app.upstream.client import client
    from proxy_app.upstream.mcp import close_sessions

    await close_sessions()
    await client().door.aclose()
