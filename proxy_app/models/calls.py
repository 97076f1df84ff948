"""Calls through the data plane, copied in by the recorder in batches."""

from django.db import models


class Call(models.Model):
    """One tool call: who, what, how it ended and how long each side took. Names are kept as they were at the time."""

    at = models.DateTimeField(db_index=True)
    request_id = models.CharField(max_length=64)
    user_id = models.UUIDField(null=True)
    token_id = models.UUIDField(null=True)
    method = models.CharField(max_length=60)
    tool_id = models.UUIDField(null=True, db_index=True)
    tool_name = models.CharField(max_length=255, blank=True)
    server_id = models.UUIDField(null=True)
    gateway_id = models.UUIDField(null=True, db_index=True)
    outcome = models.CharField(max_length=30)  # ok, tool_error, client_left, or an error's code
    duration_ms = models.FloatField()
    upstream_ms = models.FloatField(null=True)

    def __str__(self) -> str:
        return f"{self.tool_name or self.method} {self.outcome}"
