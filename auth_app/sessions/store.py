"""Django's sessions in the database, which end: some hours after the last request, and some after the first.

When it began and when it was seen last stand in the session itself. That it was seen is written every few minutes at
most, and not for each request.
"""

import time
from typing import Any

from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions

from auth_app.sessions.work import note_seen

BEGAN, SEEN = "began", "seen"
SEEN_EVERY_S = 5 * 60


def begin(session: Any) -> None:
    """Somebody has just signed in: count from now, whatever was there before."""
    session[BEGAN] = session[SEEN] = time.time()


class SessionStore(DatabaseSessions):
    def load(self) -> dict[str, Any]:
        """What is stored, or nothing when its time is over."""
        found: dict[str, Any] = super().load()
        if SEEN not in found:
            return found
        now = time.time()
        if (
            now - found[SEEN] > settings.SESSION_IDLE_HOURS * 3600
            or now - found[BEGAN] > settings.SESSION_MAX_HOURS * 3600
        ):
            self._session_key = None
            return {}
        if now - found[SEEN] > SEEN_EVERY_S:
            found[SEEN] = now
            self.modified = self._seen = True
        return found

    _seen = False

    def save(self, must_create: bool = False) -> None:
        super().save(must_create)
        if self._seen and self.session_key:
            self._seen = False
            note_seen(self.session_key)
