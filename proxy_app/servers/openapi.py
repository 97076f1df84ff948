"""The endpoints that only servers have in the OpenAPI document."""

from gatewaysite.openapi import KEY, Room, operation, ref
from proxy_app.servers.api import ConnectData

SERVERS_ROOM = Room(
    paths={
        "/servers/{key}/connect": {
            "get": operation(
                "How clients connect to a server",
                {200: ("Snippets for common clients, without a secret.", ref("ConnectData"))},
                401, 404, 409, 503,
                tag="servers",
                keys={"key": KEY["description"]},
            )
        }
    },
    answers=(ConnectData,),
)  # fmt: skip
