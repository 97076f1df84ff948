"""What a person pastes to send requests through a proxy route of ours."""

ROUTE_CURL = """\
curl {url}/ \\
  -H "Authorization: Bearer $GATEWAY_TOKEN"
"""

ROUTE_PYTHON = """\
import os
import httpx

headers = {{"Authorization": "Bearer " + os.environ["GATEWAY_TOKEN"]}}
with httpx.Client(base_url="{url}", headers=headers) as client:
    print(client.get("/").text)
"""

AGENT_CURL = """\
curl {url} \\
  -H "Authorization: Bearer $GATEWAY_TOKEN" \\
  -H "Content-Type: application/json" \\
  -d '{{"parameters": {{"query": "What can you do?"}}}}'
"""

AGENT_PYTHON = """\
import os
import httpx

headers = {{"Authorization": "Bearer " + os.environ["GATEWAY_TOKEN"]}}
body = {{"parameters": {{"query": "What can you do?"}}}}
print(httpx.post("{url}", headers=headers, json=body, timeout=60).json())
"""


def route_snippets(url: str) -> list[dict[str, str]]:
    """For the proxy route at `url`."""
    return _written(url, ("curl", "curl", ROUTE_CURL), ("python", "Python", ROUTE_PYTHON))


def agent_snippets(url: str) -> list[dict[str, str]]:
    """For the agent that is invoked at `url`."""
    return _written(url, ("curl", "curl", AGENT_CURL), ("python", "Python", AGENT_PYTHON))


def _written(url: str, *texts: tuple[str, str, str]) -> list[dict[str, str]]:
    return [{"id": key, "label": label, "text": text.format(url=url).rstrip()} for key, label, text in texts]
