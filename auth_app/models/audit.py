"""What happened."""

from django.db import models
from django.utils import timezone


class AuditEntry(models.Model):
    """Who did what to which item, when. Written in the unit that made the change; the database lets nobody edit it.

    It refers to people, teams and items by value: an entry outlives them. `team_id` is the team whose item it is about,
    and whose owners may read it.
    """

    at = models.DateTimeField(default=timezone.now)
    actor_email = models.EmailField()
    action = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=30)
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=255, blank=True)
    team_id = models.UUIDField(null=True, blank=True)
    changes = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    from_ip = models.GenericIPAddressField(null=True, blank=True)
    via = models.CharField(max_length=12, default="api")

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            # Each ends with the order of every list, newest first.
            models.Index(fields=["at", "id"], name="audit_newest"),
            models.Index(fields=["object_kind", "object_id", "at", "id"], name="audit_object"),
            models.Index(fields=["object_kind", "at", "id"], name="audit_kind"),
            models.Index(fields=["actor_email", "at", "id"], name="audit_actor"),
            models.Index(fields=["action", "at", "id"], name="audit_action"),
            models.Index(fields=["team_id", "at", "id"], condition=models.Q(team_id__isnull=False), name="audit_team"),
            models.Index(fields=["request_id"], condition=~models.Q(request_id=""), name="audit_request"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_email} {self.action} {self.object_kind} {self.object_name}"
