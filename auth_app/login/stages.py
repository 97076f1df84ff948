"""What is asked on the way in, where it is ours."""

from typing import Any

from allauth.account import stages

from auth_app.models import User


class EmailVerificationStage(stages.EmailVerificationStage):
    """Asks whoever signed up by themselves for an answer to our letter. Whom somebody entered is believed."""

    def handle(self) -> Any:
        person = self.login.user
        if isinstance(person, User) and person.email_verified_at is not None:
            return None, True
        return super().handle()  # type: ignore[no-untyped-call]
