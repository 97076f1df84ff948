"""The endpoint in the OpenAPI document."""

from gatewaysite.openapi import KEY, Good, Json, Room, operation, ref
from proxy_app.removal.data import ImpactData

FOUND: Good = {200: ("What would go.", ref("ImpactData"))}
PREVIEW: Json = {
    "get": operation(
        "What deleting a gateway takes along", FOUND, 401, 404, 409, 503, tag="gateways",
        keys={"key": KEY["description"]},
    )
}  # fmt: skip

REMOVAL = Room(
    paths={"/gateways/{key}/impact-preview": PREVIEW, "/mcp-servers/{key}/impact-preview": PREVIEW},
    answers=(ImpactData,),
)
