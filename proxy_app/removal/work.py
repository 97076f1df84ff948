"""The unit that looks at what goes along when a gateway is deleted."""

from typing import Any

from django.db import transaction
from django.db.models import Q

from auth_app.actor import Actor
from auth_app.policy import visible_to
from proxy_app.federation.taking import SORTS
from proxy_app.models import Gateway, OAuthConnection, Server
from proxy_app.registry.kinds import GATEWAYS
from proxy_app.registry.lookup import find_one
from proxy_app.removal.data import ImpactData, ImpactPart

NAMED_AT_MOST = 20


def read_impact(actor: Actor, key: str) -> ImpactData:
    """Of what the actor sees; counts are of all."""
    with transaction.atomic(durable=True):
        gateway = find_one(GATEWAYS, Gateway.objects.filter(visible_to(actor, GATEWAYS.slug)), key)
        offers = Q(tools__gateway=gateway) | Q(resources__gateway=gateway) | Q(prompts__gateway=gateway)
        servers = Server.objects.filter(visible_to(actor, "servers")).filter(offers).distinct().order_by("name")
        return {
            "gatewayId": gateway.pk.hex,
            "gateway": gateway.name,
            "servers": [{"id": pk.hex, "name": name} for pk, name in servers.values_list("pk", "name")],
            "tools": _part(actor, gateway, "tools"),
            "resources": _part(actor, gateway, "resources"),
            "prompts": _part(actor, gateway, "prompts"),
            "connections": OAuthConnection.objects.filter(gateway=gateway).count(),
        }


def _part(actor: Actor, gateway: Gateway, kind: str) -> ImpactPart:
    model: type[Any] = SORTS[kind][0]
    rows = model.objects.filter(gateway=gateway)
    names = rows.filter(visible_to(actor, kind)).order_by("name").values_list("name", flat=True)
    return {"count": rows.count(), "names": list(names[:NAMED_AT_MOST])}
