"""The pages of people and of one's own account."""

import re

import pytest
from django.core import mail

from auth_app.models import AuditEntry, User
from tests.builders import a_membership, a_team, a_user, an_admin
from tests.pages.conftest import Visitor


@pytest.fixture
def ann(db: None) -> User:
    return a_user("ann@example.com", full_name="Ann")


def test_the_list_shows_people_with_their_state_and_finds_them(admin: Visitor, ann: User) -> None:
    a_user("bob@example.com", is_active=False)
    page = admin.text("/admin/users")
    assert "ann@example.com" in page
    assert '<span class="state off">Switched off</span>' in page
    assert "3 people" in page
    found = admin.text("/admin/users?search=ann")
    assert ("ann@example.com" in found, "bob@example.com" in found) == (True, False)
    assert "Nobody matches" in admin.text("/admin/users?search=zzz")
    assert "ann@example.com" not in admin.text("/admin/users?state=administrators")


@pytest.mark.parametrize("page", ["0", "-1", "x", "99999999999999999999"])
def test_an_odd_page_number_is_harmless(admin: Visitor, page: str) -> None:
    assert admin.get(f"/admin/users?page={page}").status_code == 200


def test_pages_follow_one_another(admin: Visitor) -> None:
    for _ in range(55):
        a_user()
    first = admin.text("/admin/users")
    assert 'href="?page=2"' in first
    assert admin.text("/admin/users?page=2").count("<tr>") == 1 + 6


def test_a_generated_password_is_shown_once_and_must_be_changed(admin: Visitor) -> None:
    answer = admin.post("/admin/users/new", {"email": "new@example.com", "way": "generated"})
    assert (answer.status_code, answer["Cache-Control"]) == (201, "no-store")
    found = re.search(r'<pre class="keep" id="secret"[^>]*>([^<]+)</pre>', answer.content.decode())
    assert found
    person = User.objects.get(email="new@example.com")
    assert person.check_password(found[1])
    assert person.must_change_password
    assert found[1] not in admin.text(f"/admin/users/{person.pk.hex}")
    assert not AuditEntry.objects.filter(changes__icontains=found[1]).exists()


def test_an_invitation_is_a_letter(admin: Visitor) -> None:
    answer = admin.post("/admin/users/new", {"email": "new@example.com", "way": "invitation"})
    assert answer.status_code == 303
    assert "a letter with a link is on its way" in admin.text(answer["Location"])
    assert mail.outbox[-1].to == ["new@example.com"]


@pytest.mark.parametrize(
    ("email", "said"), [("nope", "This is no e-mail address"), ("ANN@example.com", "already exists")]
)
def test_what_was_wrong_is_said_at_its_control(admin: Visitor, ann: User, email: str, said: str) -> None:
    answer = admin.post("/admin/users/new", {"email": email, "way": "invitation", "full_name": "Kept"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert said in page
    assert 'value="Kept"' in page
    assert mail.outbox == []


@pytest.mark.parametrize(
    ("action", "column", "value", "said"),
    [
        ("deactivate", "is_active", False, "They are out"),
        ("make-administrator", "is_admin", True, "An administrator now"),
        ("force-change", "must_change_password", True, "They choose a new password"),
        ("unlock", "is_active", True, "they may try again at once"),
        ("end-sessions", "is_active", True, "0 sessions ended"),
    ],
)
def test_what_can_be_done_to_somebody(
    admin: Visitor, ann: User, action: str, column: str, value: bool, said: str
) -> None:
    path = f"/admin/users/{ann.pk.hex}"
    assert admin.get(f"{path}/{action}").status_code == 405
    assert admin.post(f"{path}/{action}")["Location"] == path
    assert said in admin.text(path)
    ann.refresh_from_db()
    assert getattr(ann, column) is value
    assert AuditEntry.objects.filter(object_id=ann.pk.hex, actor_email="admin@example.com").exists()


def test_the_name_and_a_new_password(admin: Visitor, ann: User) -> None:
    path = f"/admin/users/{ann.pk.hex}"
    admin.post(f"{path}/name", {"full_name": "Ann Other"})
    assert "Ann Other" in admin.text("/admin/users")
    answer = admin.post(f"{path}/password")
    assert answer.status_code == 200
    assert "This is the only time it is shown." in answer.content.decode()
    ann.refresh_from_db()
    assert ann.must_change_password


def test_what_nobody_offers_is_not_there(admin: Visitor, ann: User) -> None:
    assert admin.post(f"/admin/users/{ann.pk.hex}/sudo").status_code == 404
    assert admin.post("/admin/users/nobody@example.com/unlock").status_code == 404


def test_one_is_offered_nothing_that_would_lock_oneself_out(admin: Visitor) -> None:
    an_admin("other@example.com")
    page = admin.text(f"/admin/users/{admin.user.pk.hex}")
    for action in ("deactivate", "unmake-administrator", "delete", "password"):
        assert f"/{action}" not in page.split("<main")[1], action
    admin.post(f"/admin/users/{admin.user.pk.hex}/unmake-administrator")
    assert "ask another administrator" in admin.text(f"/admin/users/{admin.user.pk.hex}")


def test_deleting_asks_once_and_says_when_it_cannot_be(admin: Visitor, ann: User) -> None:
    path = f"/admin/users/{ann.pk.hex}/delete"
    assert "They own nothing." in admin.text(path)
    assert User.objects.filter(pk=ann.pk).exists()
    assert admin.post(path, {"heir": admin.user.pk.hex})["Location"] == "/admin/users"
    assert "ann@example.com was deleted." in admin.text("/admin/users")
    own = admin.post(f"/admin/users/{admin.user.pk.hex}/delete", {})
    assert own.status_code == 409
    assert "Nobody can delete themselves" in own.content.decode()


def test_ones_own_page_says_who_one_is(guest: Visitor) -> None:
    a_membership(a_team("Blue"), guest.user)
    page = guest.text("/admin/profile")
    assert "guest@example.com" in page
    assert "<dt>Blue</dt><dd>member</dd>" in page
    assert "Logged in" in page
    guest.post("/admin/profile", {"full_name": "Gus"})
    assert 'value="Gus"' in guest.text("/admin/profile")
    assert guest.post("/admin/profile", {"full_name": "x\u202ey"}).status_code == 422


def test_the_pages_of_ones_account_are_for_signed_in_people(anonymous: object, guest: Visitor) -> None:
    guest.client.logout()
    for path in ("", "/password", "/password/set", "/email", "/sessions"):
        answer = guest.get(f"/admin/profile{path}")
        assert answer.status_code in (302, 303)
        assert answer["Location"].startswith("/login?next=")
