"""The Django app of everything registered and called; its ready() builds the process's one upstream client."""

from typing import TYPE_CHECKING

from django.apps import AppConfig
from django.conf import settings

if TYPE_CHECKING:
    from auth_app.menu import Entry
    from proxy_app.registry.kind import Kind

# What of the process may be seen and done, beside what is registered.
OPERATIONS = {
    "attestations": ("read", "create"),
    "calls": ("read",),
    "catalogue": ("update",),
    "config": ("export", "import"),
    "connections": ("read",),
    "metrics": ("read",),
    "roots": ("read", "create", "update", "delete"),
    "settings": ("read",),
    "upstream_clients": ("read", "delete"),
    "upstreams": ("read", "recreate"),
}


class ProxyAppConfig(AppConfig):
    name = "proxy_app"

    def ready(self) -> None:
        """Constructs only: this runs before gunicorn forks, so no loop, thread or socket may exist yet."""
        from auth_app import menu
        from auth_app.decisions.finding import can_be_found
        from auth_app.permissions import catalogue
        from auth_app.sso.outgoing import Outgoing
        from auth_app.tokens.usage import Counting
        from proxy_app.catalogue.book import own_entries
        from proxy_app.dataplane import outside
        from proxy_app.registry.kinds import KINDS
        from proxy_app.upstream.client import install
        from proxy_app.usage.work import usage_of

        for kind in KINDS:
            catalogue.add_registered(kind.slug, *kind.verbs)
            can_be_found(kind.slug, kind.model)
            menu.add("Registry", _entry_of(kind))
        menu.add("Registry", menu.Entry(section="tags", label="Tags", icon="tags", route="page-tags"))
        menu.add("System", menu.Entry(section="docs", label="API reference", icon="docs", route="page-docs"))
        for name, verbs in OPERATIONS.items():
            catalogue.add(name, *verbs)
        menu.add(
            "Observe",
            *(
                menu.Entry(
                    section=name,
                    label=name.capitalize(),
                    icon=name,
                    route=f"page-{name}",
                    key=name[0],
                    offered=menu.everywhere(f"{name}.read"),
                )
                for name in ("connections", "upstreams", "attestations")
            ),
        )
        menu.add(
            "Registry",
            menu.Entry(section="catalogue", label="Catalogue", icon="catalogue", route="page-catalogue", key="b"),
        )
        menu.add(
            "You", menu.Entry(section="start", label="First steps", icon="start", route="page-start", until="start")
        )
        menu.add(
            "System",
            menu.Entry(section="roots", label="Roots", icon="items", route="page-roots",
                       offered=menu.everywhere("roots.read")),
            menu.Entry(section="settings", label="Settings", icon="settings", route="page-settings",
                       offered=menu.everywhere("settings.read")),
            menu.Entry(section="transfer", label="Configuration", icon="transfer", route="page-transfer", key="i",
                       offered=menu.of_a_team("config.export")),
        )  # fmt: skip
        Counting.of = staticmethod(usage_of)
        install(settings)
        own_entries()  # a catalogue that cannot be read is said at the start
        Outgoing.send, Outgoing.check = staticmethod(outside.ask), staticmethod(outside.check)


def _entry_of(kind: "Kind") -> "Entry":
    from auth_app.menu import Entry

    label = kind.slug.capitalize()
    return Entry(section=kind.slug, label=label, icon=kind.icon, route=f"page-{kind.slug}", key=kind.key)


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
