"""The MCP client side: own code, both eras, streamable HTTP. These names are all that others need."""

from proxy_app.upstream.mcp.calls import call, list_all
from proxy_app.upstream.mcp.discovery import challenge_of, detect, forget
from proxy_app.upstream.mcp.endpoint import COLUMNS, Discovery, Endpoint, endpoint_of
from proxy_app.upstream.mcp.exchange import Answer, AnswerStream, complete
from proxy_app.upstream.mcp.messages import Message
from proxy_app.upstream.mcp.sessions import close_sessions

__all__ = [
    "COLUMNS",
    "Answer",
    "AnswerStream",
    "Discovery",
    "Endpoint",
    "Message",
    "call",
    "challenge_of",
    "close_sessions",
    "complete",
    "detect",
    "endpoint_of",
    "forget",
    "list_all",
]
