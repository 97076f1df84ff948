"""A server: a virtual MCP server, composed of tools, resources and prompts from any gateway."""

from typing import ClassVar

from django.db import models

from proxy_app.models.prompt import Prompt
from proxy_app.models.registered import Registered
from proxy_app.models.resource import Resource
from proxy_app.models.tool import Tool


class Server(Registered):
    """Served at /servers/{id or slug}/mcp. `tool_mode` says whether its clients are shown all tools or search them."""

    kind = "servers"

    class ToolMode(models.TextChoices):
        ALL = "all"
        SEARCH = "search"

    icon = models.CharField(max_length=2000, null=True, blank=True)
    tool_mode = models.CharField(max_length=10, choices=ToolMode, default=ToolMode.ALL)
    tools: "models.ManyToManyField[Tool, ServerTool]" = models.ManyToManyField(
        Tool, through="ServerTool", related_name="servers"
    )
    resources: "models.ManyToManyField[Resource, ServerResource]" = models.ManyToManyField(
        Resource, through="ServerResource", related_name="servers"
    )
    prompts: "models.ManyToManyField[Prompt, ServerPrompt]" = models.ManyToManyField(
        Prompt, through="ServerPrompt", related_name="servers"
    )

    class Meta(Registered.Meta):
        pass


class Place(models.Model):
    """An item's place in a server, and what is different about it there.

    `alias` and `description`, when set, are what this server's clients read. An item that is not `enabled` keeps its
    place, and clients do not see it.
    """

    of: ClassVar[str]  # the name of the column that says which item

    server: "models.ForeignKey[Server]"
    alias = models.CharField(max_length=128, blank=True)
    description = models.TextField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        abstract = True
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["server", "alias"], condition=~models.Q(alias=""), name="%(class)s_alias_once"
            ),
        ]

    def __str__(self) -> str:
        return self.alias or str(getattr(self, f"{self.of}_id"))


class ServerTool(Place):
    of = "tool"

    server = models.ForeignKey(Server, models.CASCADE, related_name="places")
    tool = models.ForeignKey(Tool, models.CASCADE, related_name="places")

    class Meta(Place.Meta):
        constraints = [
            *Place.Meta.constraints,
            models.UniqueConstraint(fields=["server", "tool"], name="servertool_once"),
        ]


class ServerResource(Place):
    of = "resource"

    server = models.ForeignKey(Server, models.CASCADE, related_name="resource_places")
    resource = models.ForeignKey(Resource, models.CASCADE, related_name="places")

    class Meta(Place.Meta):
        constraints = [
            *Place.Meta.constraints,
            models.UniqueConstraint(fields=["server", "resource"], name="serverresource_once"),
        ]


class ServerPrompt(Place):
    of = "prompt"

    server = models.ForeignKey(Server, models.CASCADE, related_name="prompt_places")
    prompt = models.ForeignKey(Prompt, models.CASCADE, related_name="places")

    class Meta(Place.Meta):
        constraints = [
            *Place.Meta.constraints,
            models.UniqueConstraint(fields=["server", "prompt"], name="serverprompt_once"),
        ]
