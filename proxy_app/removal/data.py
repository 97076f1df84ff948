"""What goes along when a gateway is deleted, by the names of the existing system and more."""

from typing import TypedDict

from proxy_app.registry.data import HexId


class ServerName(TypedDict):
    id: HexId
    name: str


class ImpactPart(TypedDict):
    """How many there are, and the names of the first of those that whoever asks can see."""

    count: int
    names: list[str]


class ImpactData(TypedDict):
    """`servers`: those that offer something of it and that whoever asks sees. `connections`: of people, by OAuth."""

    gatewayId: HexId
    gateway: str
    servers: list[ServerName]
    tools: ImpactPart
    resources: ImpactPart
    prompts: ImpactPart
    connections: int
