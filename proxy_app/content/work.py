"""Units of work on what our own resources and prompts consist of. All of them return plain data."""

from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction

from auth_app.actor import Actor
from auth_app.policy import CLOSENESS, visible_to
from gatewaysite.errors import NotFound
from proxy_app.content.stored import Content
from proxy_app.content.uris import uri_template
from proxy_app.models import Prompt, PromptVersion, ResourceContent
from proxy_app.registry.kind import PlainRow
from proxy_app.registry.kinds import PROMPTS, RESOURCES
from proxy_app.registry.lookup import find_one
from proxy_app.registry.query import ALL_LIMIT
from proxy_app.snapshot import shelves

VERSIONS_SHOWN = 50


class StoredResource(NamedTuple):
    """Of which version of its row the content is, and the content."""

    version: int
    content: Content


class StoredPrompt(NamedTuple):
    version: int
    template: str
    arguments: list[dict[str, Any]]
    description: str | None


def load_resource(resource_id: UUID) -> StoredResource | None:
    """For somebody who was found to be allowed to read it. A single query needs no block."""
    row = (
        ResourceContent.objects.filter(resource_id=resource_id)
        .values_list("resource__version", "body", "is_text")
        .first()
    )
    return StoredResource(row[0], Content(bytes(row[1]), row[2])) if row else None


def load_prompt(prompt_id: UUID) -> StoredPrompt | None:
    """The same, of a prompt."""
    columns = ("version", "template", "arguments", "description")
    row = Prompt.objects.filter(pk=prompt_id, gateway=None).values_list(*columns).first()
    return StoredPrompt(*row) if row else None


def list_templates(actor: Actor) -> list[PlainRow]:
    """Every template this actor sees that is switched on, newest first. A single query needs no block."""
    rows = RESOURCES.rows(actor).filter(visible_to(actor, RESOURCES.slug), enabled=True, uri_template__isnull=False)
    return [RESOURCES.to_data(row) for row in rows.order_by("-created_at", "-id")[:ALL_LIMIT]]


def find_by_uri(actor: Actor, uri: str) -> PlainRow:
    """The resource clients mean by this URI: the closest that has it, or a template it is one of. Raises NotFound."""
    with transaction.atomic(durable=True):
        seen = RESOURCES.rows(actor).filter(visible_to(actor, RESOURCES.slug), shelves.SERVED)
        fixed = [RESOURCES.to_data(row) for row in seen.filter(uri=uri, uri_template=None).order_by("created_at")[:100]]
        found = fixed or [item for item in list_templates(actor) if _stands_for(item["uriTemplate"], uri)]
    if not found:
        raise NotFound(f"Resource not found: {uri[:200]}")
    return min(found, key=lambda item: (CLOSENESS[item["visibility"]], item["gatewayId"] is not None))


def _stands_for(template: str, uri: str) -> bool:
    found = uri_template(template)
    return found is not None and found.match(uri) is not None


def list_versions(actor: Actor, key: str) -> list[dict[str, Any]]:
    """What a prompt's template was, newest first. A gateway's prompt has none."""
    with transaction.atomic(durable=True):
        prompt = _prompt(actor, key)
        rows = PromptVersion.objects.filter(prompt=prompt).order_by("-number")[:VERSIONS_SHOWN]
        return [
            {"number": row.number, "template": row.template, "arguments": row.arguments, "at": row.at, "by": row.by}
            for row in rows
        ]


def read_version(actor: Actor, key: str, number: int) -> dict[str, Any]:
    """Template and arguments of one version, as an update of the prompt takes them."""
    with transaction.atomic(durable=True):
        row = PromptVersion.objects.filter(prompt=_prompt(actor, key), number=number).first()
        if row is None:
            raise NotFound(f"This prompt has no version {number}")
        return {"template": row.template, "arguments": row.arguments}


def _prompt(actor: Actor, key: str) -> Prompt:
    found: Prompt = find_one(PROMPTS, Prompt.objects.filter(visible_to(actor, PROMPTS.slug)), key)
    return found
