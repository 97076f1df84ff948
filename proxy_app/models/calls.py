"""Calls through the data plane, copied in by the recorder in batches."""

from django.db import models


class Call(models.Model):
    """One tool call, message to an agent, or request through a proxy route: who, what, how it ended, how long it took.

    Names are kept as they were at the time.
    """

    at = models.DateTimeField(db_index=True)
    request_id = models.CharField(max_length=64)
    user_id = models.UUIDField(null=True)
    token_id = models.UUIDField(null=True)
    method = models.CharField(max_length=60)
    tool_id = models.UUIDField(null=True, db_index=True)
    tool_name = models.CharField(max_length=255, blank=True)
    server_id = models.UUIDField(null=True)
    gateway_id = models.UUIDField(null=True, db_index=True)
    agent_id = models.UUIDField(null=True)
    outcome = models.CharField(max_length=30)  # ok, tool_error, client_left, or an error's code
    duration_ms = models.FloatField()
    upstream_ms = models.FloatField(null=True)
    # Of requests through a proxy route only, whose method is that of HTTP. The path has no query: secrets travel there.
    route_id = models.UUIDField(null=True)
    path = models.CharField(max_length=500, blank=True, db_default="")
    status = models.PositiveSmallIntegerField(null=True)
    request_bytes = models.BigIntegerField(null=True)
    response_bytes = models.BigIntegerField(null=True)

    class Meta:
        indexes = [
            models.Index(
                fields=["token_id", "-at"], condition=models.Q(token_id__isnull=False), name="call_of_token_newest"
            ),
            models.Index(
                fields=["user_id", "-at"], condition=models.Q(user_id__isnull=False), name="call_of_user_newest"
            ),
            models.Index(
                fields=["route_id", "-at"], condition=models.Q(route_id__isnull=False), name="call_of_route_newest"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tool_name or self.method} {self.outcome}"
