"""People and what happened to them, as rows of pages."""

from typing import Any

from auth_app.events.work import EventData
from auth_app.people.bodies import UserData

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


def person_row(person: UserData) -> Plain:
    return {
        "key": person["id"],
        "email": person["email"],
        "name": person["full_name"],
        "is_admin": person["is_admin"],
        "state": state_of(person),
        "last_login": person["last_login"],
    }


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
