"""Administering people by JSON: entering, changing, removing them, and who may."""

import threading
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction
from django.db.models.functions import Collate
from django.test import Client
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator

from auth_app.models import ApiToken, AuditEntry, AuthEvent, Membership, RoleGrant, SsoProvider, Team, User
from auth_app.models import Role as RoleRow
from auth_app.people.bodies import UserUpdate
from auth_app.people.work import change_person
from auth_app.stamps import Stamp
from auth_app.users.work import load_actor
from gatewaysite.db.units import return_leftovers
from gatewaysite.errors import Conflict
from proxy_app.models import Gateway, Tool
from proxy_app.registry.openapi import build
from tests.auth.conftest import NEW, PASSWORD, link_in, log_in
from tests.builders import a_gateway, a_grant, a_membership, a_role, a_team, a_token, a_tool, a_user, an_admin

USERS = "/auth/email/admin/users"
PERSON = f"{USERS}/person@example.com"


@pytest.fixture
def chief(db: None) -> User:
    return an_admin("chief@example.com")


@pytest.fixture
def admin(chief: User) -> Client:
    return signed_in(chief)


def signed_in(user: User) -> Client:
    client = Client(REMOTE_ADDR="203.0.113.7")
    client.force_login(user)
    return client


def patch(client: Client, at: str = PERSON, **body: Any) -> Any:
    return client.patch(at, body, content_type="application/json")


def create(client: Client, **body: Any) -> Any:
    return client.post(USERS, {"email": "new@example.com"} | body, content_type="application/json")


# --- Entering ---------------------------------------------------------------------------------------------------------


def test_a_person_is_entered_and_logs_in(admin: Client) -> None:
    answer = create(admin, password=PASSWORD, full_name="Nell New")
    told = answer.json()
    assert answer.status_code == 201
    assert (told["email"], told["full_name"], told["is_admin"], told["email_verified"]) == (
        "new@example.com", "Nell New", False, True,
    )  # fmt: skip
    assert PASSWORD not in answer.content.decode()
    assert log_in(Client(headers={"host": "127.0.0.1:8000"}), "new@example.com").status_code == 303
    entry = AuditEntry.objects.get(action="user.created")
    assert (entry.actor_email, entry.object_name) == ("chief@example.com", "new@example.com")
    assert PASSWORD not in str(entry.changes)


def test_without_a_password_they_choose_one_by_a_link(admin: Client, browser: Client) -> None:
    create(admin)
    (letter,) = mail.outbox
    assert letter.subject == "You have an account at Poolgate"
    assert "chief@example.com has made an account for you" in str(letter.body)
    form = browser.get(link_in(letter), follow=True).redirect_chain[-1][0]
    token = browser.cookies["csrftoken"].value
    answer = browser.post(form, {"password1": NEW, "password2": NEW, "csrfmiddlewaretoken": token})
    assert answer.status_code == 303
    assert log_in(browser, "new@example.com", NEW).status_code == 303


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"email": "nope", "password": PASSWORD}, 422, "email"),
        ({"password": "short"}, 422, "password"),
        ({"password": "new@example.com"}, 422, "password"),
        ({"password": PASSWORD, "id": "0" * 32}, 422, "id"),
        ({"password": PASSWORD, "auth_provider": "oidc"}, 422, "auth_provider"),
        ({"password": PASSWORD, "full_name": "x" * 201}, 422, "full_name"),
    ],
)
def test_what_cannot_be_is_named(admin: Client, body: dict[str, Any], status: int, field: str) -> None:
    answer = create(admin, **body)
    assert answer.status_code == status
    assert answer.json()["detail"][0]["loc"][-1] == field
    assert not User.objects.filter(email="new@example.com").exists()


def test_an_address_belongs_to_one_person_in_any_case(admin: Client, person: User) -> None:
    answer = create(admin, email="Person@Example.com", password=PASSWORD)
    assert (answer.status_code, answer.json()["detail"]) == (409, "User with email Person@example.com already exists")


# --- Looking ----------------------------------------------------------------------------------------------------------


def test_the_list_comes_in_pages_that_lose_nobody(admin: Client, person: User) -> None:
    for number in range(5):
        a_user(f"one{number}@example.com")
    seen: list[str] = []
    cursor = ""
    while True:
        told = admin.get(f"{USERS}?include_pagination=true&limit=2&cursor={cursor}").json()
        seen += [one["email"] for one in told["users"]]
        cursor = told["nextCursor"]
        if not cursor:
            break
    assert seen == [one["email"] for one in admin.get(USERS).json()]
    assert len(set(seen)) == 7
    assert admin.get(USERS, {"cursor": "made-up"}).status_code == 400
    assert [one["email"] for one in admin.get(USERS, {"search": "PERSON"}).json()] == ["person@example.com"]
    assert admin.get(USERS, {"order_by": "password"}).status_code == 422


def test_the_list_costs_the_same_for_one_and_for_many(admin: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert admin.get(USERS).status_code == 200
        return len(captured)

    before = queries()
    for _ in range(20):
        a_user()
    assert queries() == before


def test_one_is_found_by_address_or_id(admin: Client, person: User) -> None:
    for key in ("person@example.com", "PERSON@example.com", person.pk.hex, str(person.pk)):
        assert admin.get(f"{USERS}/{key}").json()["email"] == "person@example.com"
    assert admin.get(f"{USERS}/nobody@example.com").json() == {"detail": "User not found", "code": "not_found"}


def test_an_address_that_only_looks_alike_is_another_one_under_every_locale(person: User) -> None:
    """The folding rules of a locale such as en_US.utf8, whatever those of this database are."""
    rows = User.objects.annotate(address=Collate("email", "pg_c_utf8"))
    User.objects.filter(pk=person.pk).update(email="mike@g\u0131thub.com")
    assert rows.filter(address__iexact="Mike@G\u0131thub.com").exists()
    assert not rows.filter(address__iexact="mike@github.com").exists()


@pytest.mark.parametrize("odd", ["%00", "%E2%80%AE", "'; DROP TABLE auth_app_user; --", "x" * 190])
def test_odd_text_finds_nobody(admin: Client, odd: str) -> None:
    assert admin.get(f"{USERS}?search=a{odd}b").json() == []
    assert admin.get(f"{USERS}/a{odd}").status_code == 404
    assert admin.get(f"/auth/email/admin/events?user_email=a{odd}").json() == []
    assert admin.get(f"/admin/users?search=a{odd}b").status_code == 200
    assert admin.get(f"/admin/users/a{odd}").status_code == 404


def test_nobody_else_sees_or_does_any_of_it(person: User, chief: User) -> None:
    client = signed_in(person)
    known, unknown = client.get(f"{USERS}/chief@example.com"), client.get(f"{USERS}/nobody@example.com")
    assert known.status_code == unknown.status_code == 403
    assert known.json() == unknown.json()
    for answer in (
        client.get(USERS),
        create(client, password=PASSWORD),
        patch(client, full_name="x"),
        patch(client, is_admin=True),
        client.delete(f"{USERS}/chief@example.com"),
        client.post(f"{USERS}/chief@example.com/unlock"),
        client.get("/auth/email/admin/events"),
        client.get("/admin/users"),
        client.get("/admin/users/new"),
        client.get(f"/admin/users/{chief.pk.hex}"),
        client.get(f"/admin/users/{chief.pk.hex}/delete"),
        client.post(f"/admin/users/{person.pk.hex}/make-administrator"),
        client.post(f"/admin/users/{chief.pk.hex}/deactivate"),
    ):
        assert answer.status_code == 403
    person.refresh_from_db()
    assert not person.is_admin


def test_a_token_that_may_only_look_changes_nothing(chief: User, person: User) -> None:
    secret = a_token(chief, permissions=["*.read"])
    client = Client(headers={"authorization": f"Bearer {secret}"})
    assert client.get(USERS).status_code == 200
    assert patch(client, is_admin=True).status_code == 403
    assert create(client, password=PASSWORD).status_code == 403


def test_whoever_may_change_people_gets_no_further_through_an_administrator(chief: User, person: User) -> None:
    role = RoleRow.objects.create(name="people keeper", scope="global", permissions=["users.*"])
    keeper = a_user("keeper@example.com")
    RoleGrant.objects.create(user=keeper, role=role)
    a_grant(a_user("granted@example.com"), "platform_admin")
    client = signed_in(keeper)
    assert patch(client, full_name="Renamed").status_code == 200
    for answer in (
        patch(client, is_admin=True),
        patch(client, f"{USERS}/keeper@example.com", is_admin=True),
        patch(client, f"{USERS}/chief@example.com", password=NEW),
        patch(client, f"{USERS}/chief@example.com", is_active=False),
        create(client, password=PASSWORD, is_admin=True),
        client.delete(f"{USERS}/chief@example.com"),
        client.post(f"/admin/users/{chief.pk.hex}/password"),
        client.post(f"/admin/users/{chief.pk.hex}/invite"),
        client.delete(f"{USERS}/chief@example.com/second-factor"),
        patch(client, f"{USERS}/granted@example.com", password=NEW),
        client.delete(f"{USERS}/granted@example.com/second-factor"),
    ):
        assert answer.status_code == 403
    chief.refresh_from_db()
    assert chief.is_admin
    assert chief.is_active


def test_nobody_gets_at_an_account_that_may_more_everywhere_than_they_may(person: User) -> None:
    keeper = a_user("keeper@example.com")
    a_grant(keeper, a_role("people keeper", ("users.*",)))
    client = signed_in(keeper)
    assert patch(client, password=NEW).status_code == 200
    a_grant(person, "platform_admin")
    for answer in (
        patch(client, password=NEW),
        patch(client, is_active=False),
        client.delete(PERSON),
        client.delete(f"{PERSON}/second-factor"),
        client.post(f"/admin/users/{person.pk.hex}/password"),
        client.post(f"/admin/users/{person.pk.hex}/invite"),
    ):
        assert answer.status_code == 403
    assert patch(client, password=NEW).json()["code"] == "scope_exceeds_grantor"


def test_whoever_may_give_some_roles_makes_no_administrators(chief: User, person: User) -> None:
    giver = a_user("giver@example.com")
    a_grant(giver, a_role("giver", ("users.*", "roles.grant")))
    client = signed_in(giver)
    answers = [
        create(client, password=PASSWORD, is_admin=True),
        patch(client, is_admin=True),
        patch(client, f"{USERS}/giver@example.com", is_admin=True),
        patch(client, f"{USERS}/chief@example.com", password=NEW),
        client.delete(f"{USERS}/chief@example.com/second-factor"),
    ]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(403, "scope_exceeds_grantor")] * 5
    assert list(User.objects.filter(is_admin=True)) == [chief]


# --- Changing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["patch", "put"])
def test_what_is_left_out_stays(admin: Client, person: User, method: str) -> None:
    answer = getattr(admin, method)(PERSON, {"full_name": "Renamed"}, content_type="application/json")
    assert answer.json()["full_name"] == "Renamed"
    person.refresh_from_db()
    assert person.is_active
    assert AuditEntry.objects.get(action="user.updated").changes == {"full_name": ["", "Renamed"]}


def test_whoever_is_switched_off_is_out_everywhere_and_comes_back_without_old_sessions(
    admin: Client, browser: Client, person: User
) -> None:
    log_in(browser)
    token = Client(headers={"authorization": f"Bearer {a_token(person)}"})
    assert patch(admin, is_active=False).json()["is_active"] is False
    assert browser.get("/admin").status_code == 303
    assert token.get("/tools").status_code == 401
    assert log_in(browser).status_code == 422
    patch(admin, is_active=True)
    assert browser.get("/admin").status_code == 303
    assert token.get("/tools").status_code == 200
    assert log_in(browser).status_code == 303


@pytest.mark.parametrize("change", [{"is_admin": True}, {"password_change_required": True}])
def test_sessions_end_when_rights_change_or_a_password_must(
    admin: Client, browser: Client, person: User, change: dict[str, Any]
) -> None:
    log_in(browser)
    patch(admin, **change)
    assert browser.get("/admin")["Location"].startswith("/login")


def test_an_administrator_sets_a_password_and_it_keeps_the_rules(admin: Client, browser: Client, person: User) -> None:
    assert patch(admin, password="short").status_code == 422
    assert patch(admin, password=PASSWORD).status_code == 422, "it is the present one"
    log_in(browser)
    assert patch(admin, password=NEW, password_change_required=True).json()["password_change_required"] is True
    assert browser.get("/admin").status_code == 303
    assert log_in(browser, password=NEW).status_code == 303
    assert browser.get("/admin")["Location"] == "/admin/profile/password"


# --- The last administrator -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"is_admin": False}, {"is_active": False}])
def test_nobody_takes_it_from_themselves_or_from_the_last_one(
    admin: Client, chief: User, change: dict[str, bool]
) -> None:
    path = f"{USERS}/chief@example.com"
    assert patch(admin, path, **change).status_code == 409
    an_admin("off@example.com")
    User.objects.filter(email="off@example.com").update(is_active=False)
    assert "last administrator" in patch(admin, path, **change).json()["detail"]
    other = signed_in(an_admin("other@example.com"))
    assert "themselves" in patch(admin, path, **change).json()["detail"]
    assert patch(other, path, **change).status_code == 200
    assert patch(other, f"{USERS}/other@example.com", **change).status_code == 409


def test_nor_is_one_of_them_deleted(admin: Client, chief: User) -> None:
    assert admin.delete(f"{USERS}/chief@example.com").status_code == 409
    other = signed_in(an_admin("other@example.com"))
    assert other.delete(f"{USERS}/chief@example.com").status_code == 200
    assert other.delete(f"{USERS}/other@example.com").status_code == 409


@pytest.mark.django_db(transaction=True)
def test_two_who_remove_each_other_at_the_same_moment_do_not_both_succeed() -> None:
    pair = [an_admin("one@example.com"), an_admin("two@example.com")]
    actors = [load_actor(user.pk, user.email, is_admin=True) for user in pair]
    ready, outcomes = threading.Barrier(2), []

    def remove(actor: Any, other: User) -> None:
        ready.wait(20)
        try:
            change_person(actor, other.email, UserUpdate(is_admin=False), Stamp(email=actor.email))
            outcomes.append("done")
        except Conflict:
            outcomes.append("refused")
        finally:
            return_leftovers()

    threads = [
        threading.Thread(target=remove, args=(actors[0], pair[1])),
        threading.Thread(target=remove, args=(actors[1], pair[0])),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(outcomes) == ["done", "refused"]
    assert User.objects.filter(is_admin=True).count() == 1


# --- Deleting ---------------------------------------------------------------------------------------------------------


def test_what_others_use_goes_on_and_what_nobody_else_sees_goes(admin: Client, chief: User, person: User) -> None:
    heir = a_user("heir@example.com")
    private = a_gateway("secret", owner=person, visibility="private")
    a_tool("hidden", gateway=private)
    a_gateway("shared", owner=person)
    team = a_team("Blue", owner=person)
    a_token(person)
    log_in(Client(headers={"host": "127.0.0.1:8000"}))
    told = admin.get(f"/admin/users/{person.pk.hex}/delete").content.decode()
    for words in (
        "1 gateway of their own",
        "1 gateway that others use",
        "1 API token of theirs",
        "The team Blue has no",
    ):
        assert words in told
    answer = admin.delete(f"{PERSON}?heir=heir@example.com")
    assert answer.json() == {"success": True, "message": "User person@example.com has been deleted"}
    assert list(Gateway.objects.values_list("slug", "owner__email")) == [("shared", "heir@example.com")]
    assert not Tool.objects.exists()
    assert not ApiToken.objects.exists()
    assert Membership.objects.get(team=team).user == heir
    entry = AuditEntry.objects.get(action="user.deleted")
    assert (entry.object_name, entry.changes["heir"]) == ("person@example.com", "heir@example.com")
    assert [one["user_email"] for one in admin.get("/auth/email/admin/events").json()].count("person@example.com") == 1
    assert admin.delete(PERSON).status_code == 404


def test_whoever_deletes_gets_it_when_nobody_is_named(admin: Client, chief: User, person: User) -> None:
    a_gateway("shared", owner=person)
    a_membership(a_team("Blue", owner=chief), person, Membership.Role.OWNER)
    admin.delete(PERSON)
    assert Gateway.objects.get().owner == chief
    assert Team.objects.get(name="Blue").memberships.count() == 1


@pytest.mark.parametrize("heir", ["nobody@example.com", "person@example.com", "off@example.com"])
def test_nobody_inherits_who_is_not_there(admin: Client, person: User, heir: str) -> None:
    a_user("off@example.com", is_active=False)
    assert admin.delete(f"{PERSON}?heir={heir}").status_code == 404
    assert User.objects.filter(pk=person.pk).exists()


# --- The document ----------------------------------------------------------------------------------------------------


def test_what_is_answered_is_what_the_document_says(admin: Client, person: User) -> None:
    whole = build()
    body = {"email": person.email, "password": PASSWORD}
    program = Client().post("/auth/login", body, "application/json")
    session = Client(headers={"authorization": f"Bearer {program.json()['access_token']}"})
    answers = {
        ("/auth/login", "post"): program,
        ("/auth/validate", "get"): session.get("/auth/validate"),
        ("/auth/csrf-token", "get"): session.get("/auth/csrf-token"),
        ("/auth/email/me", "get"): session.get("/auth/email/me"),
        ("/auth/email/events", "get"): session.get("/auth/email/events"),
        ("/auth/logout", "post"): session.post("/auth/logout"),
        ("/auth/email/reset-password/{key}", "get"): Client().get("/auth/email/reset-password/x-y"),
        ("/auth/email/admin/users", "get"): admin.get(f"{USERS}?include_pagination=true"),
        ("/auth/email/admin/users", "post"): create(admin, password=PASSWORD),
        ("/auth/email/admin/users/{key}", "patch"): patch(admin, full_name="x"),
        ("/auth/email/admin/users/{key}/unlock", "post"): admin.post(f"{PERSON}/unlock"),
        ("/auth/email/admin/events", "get"): admin.get("/auth/email/admin/events"),
        ("/auth/email/admin/users/{key}", "delete"): admin.delete(PERSON),
    }
    for (path, method), answer in answers.items():
        responses = whole["paths"][path][method]["responses"]
        schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
        Draft202012Validator({**schema, "components": whole["components"]}).validate(answer.json())
        assert answer.json(), path


def test_an_administrator_made_by_hand_is_no_providers_any_more(admin: Client, person: User) -> None:
    provider = SsoProvider.objects.create(slug="main", issuer="https://id.example.com")
    User.objects.filter(pk=person.pk).update(is_admin=True, admin_by=provider)

    for is_admin in (False, True):
        answer = admin.patch(f"{USERS}/{person.email}", {"is_admin": is_admin}, content_type="application/json")
        assert answer.status_code == 200
    assert admin.delete("/auth/sso/admin/providers/main").status_code == 200

    person.refresh_from_db()
    assert (person.is_admin, person.admin_by) == (True, None)


def test_the_events_of_an_address_are_looked_up_in_an_index(db: None) -> None:
    rows = AuthEvent.objects.filter(email__iexact="Ann@example.com").order_by("-at")[:20]
    with connection.cursor() as cursor, transaction.atomic():
        cursor.execute("SET LOCAL enable_seqscan = off")
        assert "auth_event_of_an_address" in rows.explain()
