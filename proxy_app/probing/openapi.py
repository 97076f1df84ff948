"""The endpoints of testing and detecting in the OpenAPI document."""

from functools import partial

from gatewaysite.openapi import WRONG, Good, Room, operation, ref
from proxy_app.probing.data import DetectedData, Detection, HandshakeData, HandshakeTest, RequestData, RequestTest

TRIED: Good = {200: ("How it went, also when it failed.", ref("HandshakeData"))}
SENT: Good = {200: ("What came back.", ref("RequestData"))}
FOUND: Good = {200: ("What answers there; all that was tried is told.", ref("DetectedData"))}

one = partial(operation, tag="gateways")

PROBING = Room(
    paths={
        "/mcp-servers/test-handshake": {
            "post": one("Shake hands with an MCP server", TRIED, 401, 403, 404, 503, *WRONG, body=HandshakeTest)
        },
        "/mcp-servers/test": {
            "post": one("Send one request to a registered server", SENT, 401, 403, 503, *WRONG, body=RequestTest)
        },
        "/gateways/detect": {
            "post": one("Find out what answers at a URL", FOUND, 401, 403, 503, *WRONG, body=Detection)
        },
    },
    answers=(HandshakeData, RequestData, DetectedData),
    bodies=(HandshakeTest, RequestTest, Detection),
)
