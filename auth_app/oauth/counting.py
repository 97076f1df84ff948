"""How often clients and people came to the authorization server, and how it ended."""

from prometheus_client import Counter

REQUESTS = Counter(
    "gateway_oauth_requests_total",
    "Requests to the authorization server, by endpoint and by how they ended.",
    ["endpoint", "outcome"],
)


def counted(endpoint: str, outcome: str) -> None:
    REQUESTS.labels(endpoint, outcome).inc()
