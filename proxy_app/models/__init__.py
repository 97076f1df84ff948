"""What is registered, and what was called. One file per kind."""

from proxy_app.models.agent import Agent
from proxy_app.models.asked import Asked
from proxy_app.models.attestation import Attestation
from proxy_app.models.called import Called
from proxy_app.models.calls import Call
from proxy_app.models.catalogue import RegistryReading
from proxy_app.models.content import PromptVersion, ResourceContent
from proxy_app.models.drift import Drift, Held
from proxy_app.models.gateway import Gateway
from proxy_app.models.lease import Lease
from proxy_app.models.oauth import OAuthClient, OAuthConnection, OAuthFlow
from proxy_app.models.prompt import Prompt
from proxy_app.models.rate_count import RateCount
from proxy_app.models.registered import Registered, Visibility
from proxy_app.models.resource import Resource
from proxy_app.models.root import Root
from proxy_app.models.route import Route
from proxy_app.models.server import Place, Server, ServerPrompt, ServerResource, ServerTool
from proxy_app.models.tool import Tool, ToolTry
from proxy_app.models.transfer import Transfer

__all__ = [
    "Agent",
    "Asked",
    "Attestation",
    "Call",
    "Called",
    "Drift",
    "Gateway",
    "Held",
    "Lease",
    "OAuthClient",
    "OAuthConnection",
    "OAuthFlow",
    "Place",
    "Prompt",
    "PromptVersion",
    "RateCount",
    "Registered",
    "RegistryReading",
    "Resource",
    "ResourceContent",
    "Root",
    "Route",
    "Server",
    "ServerPrompt",
    "ServerResource",
    "ServerTool",
    "Tool",
    "ToolTry",
    "Transfer",
    "Visibility",
]
