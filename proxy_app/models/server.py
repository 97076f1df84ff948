"""A server: a virtual MCP server, composed of tools, resources and prompts from any gateway."""

from django.db import models

from proxy_app.models.prompt import Prompt
from proxy_app.models.registered import Registered
from proxy_app.models.resource import Resource
from proxy_app.models.tool import Tool


class Server(Registered):
    """Served at /servers/{id or slug}/mcp."""

    kind = "servers"

    icon = models.CharField(max_length=2000, null=True, blank=True)
    tools: "models.ManyToManyField[Tool, ServerTool]" = models.ManyToManyField(
        Tool, through="ServerTool", related_name="servers"
    )
    resources: "models.ManyToManyField[Resource, models.Model]" = models.ManyToManyField(
        Resource, related_name="servers", blank=True
    )
    prompts: "models.ManyToManyField[Prompt, models.Model]" = models.ManyToManyField(
        Prompt, related_name="servers", blank=True
    )

    class Meta(Registered.Meta):
        pass


class ServerTool(models.Model):
    """A tool's place in a server. `alias`, when set, is the name this server's clients see."""

    server = models.ForeignKey(Server, models.CASCADE, related_name="places")
    tool = models.ForeignKey(Tool, models.CASCADE, related_name="places")
    alias = models.CharField(max_length=128, blank=True)
    position = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(fields=["server", "tool"], name="servertool_once"),
            models.UniqueConstraint(
                fields=["server", "alias"], condition=~models.Q(alias=""), name="servertool_alias_once"
            ),
        ]

    def __str__(self) -> str:
        return self.alias or str(self.tool_id)
