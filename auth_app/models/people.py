"""People."""

import uuid
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **values: Any) -> "User":
        user = self.model(email=self.normalize_email(email), **values)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> "User":
        """People write their address in any case; no two differ in that alone."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser):
    """A person, known by e-mail. What they may do is decided in auth_app.policy, nowhere else."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    full_name = models.CharField(max_length=200, blank=True)
    is_admin = models.BooleanField(default=False)
    # The provider whose rules made this person an administrator, and take it away again; none: by hand.
    admin_by = models.ForeignKey("auth_app.SsoProvider", models.SET_NULL, null=True, blank=True, related_name="+")
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Who is entered by somebody who may do so is believed; who signs up is not until a mail has been answered.
    email_verified_at = models.DateTimeField(null=True, blank=True, default=timezone.now, editable=False)
    awaits_approval = models.BooleanField(default=False, editable=False)
    auth_provider = models.CharField(max_length=50, default="local", editable=False)
    # They get nowhere but to the page that changes it.
    must_change_password = models.BooleanField(default=False)
    password_changed_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_any_case")]

    def __str__(self) -> str:
        return self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Whoever is new gets a personal team with it, whichever way they came: by a page, a command, an IdP."""
        is_new = self._state.adding
        super().save(*args, **kwargs)
        if is_new:
            from auth_app.teams.personal import add_personal_team  # which knows teams, and so people

            add_personal_team(self)

    def password_is_due(self, now: datetime, *, lasts_days: int) -> bool:
        """Whether it must be changed before anything else. `lasts_days`: 0 for ever."""
        if self.must_change_password or not lasts_days or not self.has_usable_password():
            return self.must_change_password
        return now - (self.password_changed_at or self.created_at) > timedelta(days=lasts_days)


class PasswordHistory(models.Model):
    """A password somebody had, as its hash, so that it does not come again."""

    user = models.ForeignKey(User, models.CASCADE, related_name="former_passwords")
    password = models.CharField(max_length=128, editable=False)
    until = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.user_id} until {self.until:%Y-%m-%d}"
