"""What happened."""

from django.db import models
from django.utils import timezone


class AuditEntry(models.Model):
    """Who did what to which item, when. Written in the unit that made the change, never edited."""

    at = models.DateTimeField(default=timezone.now, db_index=True)
    actor_email = models.EmailField()
    action = models.CharField(max_length=60)
    object_kind = models.CharField(max_length=30)
    object_id = models.CharField(max_length=64)
    object_name = models.CharField(max_length=255, blank=True)
    changes = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    from_ip = models.GenericIPAddressField(null=True, blank=True)
    via = models.CharField(max_length=12, default="api")

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [models.Index(fields=["object_kind", "object_id"], name="audit_object")]

    def __str__(self) -> str:
        return f"{self.actor_email} {self.action} {self.object_kind} {self.object_name}"
