"""People and what happened to them, as rows of pages."""

from collections.abc import Sequence
from typing import Any

from django.urls import reverse

from auth_app.events.work import EventData
from auth_app.people.bodies import UserData
from gatewaysite.listing import Cell, heading, row, table

Plain = dict[str, Any]

EVENTS = {
    "login": ("Logged in", "Log-in failed"),
    "logout": ("Logged out", ""),
    "registration": ("Signed up", ""),
    "password_change": ("Changed the password", ""),
    "password_set": ("Set a password", ""),
    "password_reset": ("Set a new password through a letter", ""),
    "email_verified": ("Showed that the address is theirs", ""),
    "email_change": ("Changed the e-mail address", ""),
}


def state_of(person: UserData) -> Plain:
    """One word and its tone: what matters most about whether they can come in."""
    if person["awaits_approval"]:
        return {"word": "Waits", "tone": "warn"}
    if not person["is_active"]:
        return {"word": "Switched off", "tone": "off"}
    if person["is_locked"]:
        return {"word": "Locked", "tone": "bad"}
    if not person["email_verified"]:
        return {"word": "Not verified", "tone": "warn"}
    return {"word": "Active", "tone": "ok"}


def people_table(people: Sequence[UserData]) -> Plain:
    headings = [heading("E-mail"), heading("State"), heading("May", "second"), heading("Last log-in", "third")]
    return table("People, newest first", headings, map(_row, people))


def _row(person: UserData) -> Plain:
    may: Cell = ("text", "Administrator") if person["is_admin"] else ("muted", "what their roles say")
    last: Cell = ("past", {"at": person["last_login"], "otherwise": "not yet"})
    path = reverse("page-users-item", args=[person["id"]])
    return row(person["email"], path, [("state", state_of(person)), may, last], what=person["full_name"] or "")


def event_row(event: EventData) -> Plain:
    well, badly = EVENTS.get(event["event_type"], (event["event_type"].replace("_", " ").capitalize(), ""))
    return {
        "at": event["timestamp"],
        "email": event["user_email"],
        "word": well if event["success"] else badly or well,
        "tone": "ok" if event["success"] else "bad",
        "why": event["failure_reason"] or "",
        "count": event["count"],
        "ip": event["ip_address"] or "",
    }
