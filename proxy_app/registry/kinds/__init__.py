"""One file per kind; the tuple is all the registration there is."""

from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds.agents import AGENTS
from proxy_app.registry.kinds.gateways import GATEWAYS
from proxy_app.registry.kinds.prompts import PROMPTS
from proxy_app.registry.kinds.resources import RESOURCES
from proxy_app.registry.kinds.routes import ROUTES
from proxy_app.registry.kinds.servers import SERVERS
from proxy_app.registry.kinds.tools import TOOLS

KINDS: tuple[Kind, ...] = (SERVERS, TOOLS, RESOURCES, PROMPTS, GATEWAYS, AGENTS, ROUTES)

__all__ = ["AGENTS", "GATEWAYS", "KINDS", "PROMPTS", "RESOURCES", "ROUTES", "SERVERS", "TOOLS"]
