"""Roles as they might be."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from auth_app.models.roles import Role


class RoleShadow(models.Model):
    """What a role would permit, tried beside what it does permit until a time."""

    role = models.OneToOneField(Role, models.CASCADE, primary_key=True, related_name="shadow")
    permissions = ArrayField(models.CharField(max_length=100), default=list)
    began_at = models.DateTimeField(default=timezone.now, editable=False)
    until = models.DateTimeField()
    created_by = models.CharField(max_length=254, blank=True)

    def __str__(self) -> str:
        return f"{self.role_id} until {self.until}"


class ShadowDifference(models.Model):
    """How often it would have decided otherwise for one person."""

    shadow = models.ForeignKey(RoleShadow, models.CASCADE, related_name="differences")
    user_id = models.UUIDField()
    email = models.EmailField()
    permission = models.CharField(max_length=100)
    object_kind = models.CharField(max_length=30)
    effect = models.CharField(max_length=5)  # allow or deny
    count = models.PositiveBigIntegerField(default=1)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["shadow", "user_id", "permission", "object_kind", "effect"], name="shadow_difference_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} {self.effect} {self.permission}"
