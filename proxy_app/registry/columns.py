"""The columns that the tables of several kinds have."""

from proxy_app.registry.kind import Column, PlainRow

CELLS = "registry/cells/"
CODE, LINK, STATE, TAGS, TIME = (f"{CELLS}{name}.html" for name in ("code", "link", "state", "tags", "time"))


def _gateway(item: PlainRow) -> dict[str, str] | None:
    """As a link beside the table: five times shorter than its whole address, fifty times over."""
    return {"name": item["gatewaySlug"], "url": f"gateways/{item['gatewayId']}"} if item["gatewayId"] else None


def _labels(item: PlainRow) -> list[str]:
    return [tag["label"] for tag in item["tags"]]


NAMED = Column(key="name", label="Name", sort="name", narrow="")
SWITCHED = Column(key="enabled", label="State", sort="enabled", template=STATE, narrow="")
GATEWAY = Column(
    key="gatewaySlug", label="Gateway", sort="gateway__slug", template=LINK, show=_gateway, narrow="second"
)
TAGGED = Column(key="tags", label="Tags", template=TAGS, show=_labels)
VISIBLE = Column(key="visibility", label="Visible to", sort="visibility")
CHANGED = Column(key="updatedAt", label="Changed", sort="updated_at", template=TIME, narrow="second")
