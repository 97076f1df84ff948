"""Tags: which there are on what one may see, and changing one everywhere."""

from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from auth_app.models import AuditEntry
from proxy_app.models import Server, Tool
from proxy_app.registry.kind import Kind
from proxy_app.registry.kinds import KINDS
from tests.builders import a_gateway, a_server, a_tool
from tests.pages.conftest import Visitor
from tests.registry.conftest import Caller, People, admin, alone, every_kind, people

__all__ = ["admin", "people"]


def stats(**counts: int) -> dict[str, int]:
    return dict.fromkeys((kind.slug for kind in KINDS), 0) | counts | {"total": sum(counts.values())}


@every_kind
def test_a_tag_is_counted_by_kind_and_its_items_are_told(admin: Caller, kind: Kind) -> None:
    row = alone(kind.slug, tags=["a", "b"], description="d")
    alone(kind.slug, tags=["a"], enabled=False)
    assert admin.get("/tags").json() == [
        {"name": name, "stats": stats(**{kind.slug: 1}), "entities": []} for name in ("a", "b")
    ]
    entity = {"id": row.pk.hex, "name": row.name, "type": kind.singular, "description": "d"}
    assert admin.get("/tags", include_entities="true").json()[1]["entities"] == [entity]
    assert admin.get("/tags/b/entities").json() == [entity]
    assert len(admin.get("/tags/a/entities", include_inactive="true").json()) == 2
    assert admin.get("/tags", include_inactive="true").json()[0]["stats"]["total"] == 2


def test_kinds_can_be_chosen_and_unknown_ones_have_none(admin: Caller) -> None:
    a_server(tags=["x"]), a_tool(tags=["x"])
    (tag,) = admin.get("/tags", entity_types="tools").json()
    assert tag["stats"] == stats(tools=1)
    assert [one["type"] for one in admin.get("/tags/x/entities", entity_types="servers,nope").json()] == ["server"]
    assert admin.get("/tags", entity_types="nope").json() == []
    assert admin.get("/tags/x/entities", entity_types="nope").json() == admin.get("/tags/no-such/entities").json() == []


def test_tags_of_what_one_may_not_see_are_not_told(people: People) -> None:
    a_gateway(visibility="private", owner=people.owner.user, tags=["secret"])
    a_gateway(visibility="team", team=people.team, tags=["blue"])
    assert [tag["name"] for tag in people.member.get("/tags").json()] == ["blue"]
    assert people.stranger.get("/tags").json() == people.stranger.get("/tags/blue/entities").json() == []
    assert people.member.get("/tags/secret/entities").json() == []


def test_a_tag_may_have_a_slash_and_a_blank(admin: Caller) -> None:
    a_server("x", tags=["a/b c"])
    assert [one["name"] for one in admin.get("/tags/a%2Fb%20c/entities").json()] == ["x"]


def test_all_kinds_are_one_query(admin: Caller) -> None:
    a_server(tags=["x"])
    with CaptureQueriesContext(connection) as queries:
        admin.get("/tags")
    assert len([query for query in queries if "unnest" in query["sql"]]) == 1


def test_nobody_reads_tags_without_a_token(db: None) -> None:
    assert Caller().get("/tags").status_code == Caller().get("/tags/x/entities").status_code == 401


# --- The page --------------------------------------------------------------------------------------------------------


def change(visitor: Visitor, **said: str) -> Any:
    assert visitor.post("/admin/tags/change", said).status_code == 303
    return visitor.text("/admin/tags")


def test_the_page_counts_and_leads_to_the_lists(admin: Caller) -> None:
    assert admin.user
    assert "No tags yet" in Visitor(admin.user).text("/admin/tags")
    a_server(tags=["demo"]), a_server(tags=["demo"], enabled=False)
    page = Visitor(admin.user).text("/admin/tags")
    assert '<a href="/admin/servers?tags=demo&amp;include_inactive=true">2</a>' in page


def test_a_tag_is_renamed_wherever_one_may_and_stays_elsewhere(people: People) -> None:
    mine = a_server(owner=people.member.user, tags=["a", "old", "new"])
    a_tool(owner=people.member.user, tags=["old"], enabled=False)
    foreign = a_server(owner=people.owner.user, tags=["old"])
    assert people.member.user
    page = change(Visitor(people.member.user), tag="old", to="new")
    assert "old is called new now on 2 items." in page
    assert "1 item kept it" in page
    assert Server.objects.get(pk=mine.pk).tags == ["a", "new"]
    assert Tool.objects.get().tags == ["new"]
    assert Server.objects.get(pk=foreign.pk).tags == ["old"]
    assert {entry.action for entry in AuditEntry.objects.filter(via="ui")} >= {"server.updated", "tool.updated"}


def test_a_tag_is_taken_away(people: People) -> None:
    assert people.admin.user
    server = a_server(tags=["a", "old"])
    question = Visitor(people.admin.user).text("/admin/tags/change?tag=old")
    assert "Take it away from 1 item" in question
    assert "old was taken away on 1 item." in change(Visitor(people.admin.user), tag="old", to="old", away="yes")
    assert Server.objects.get(pk=server.pk).tags == ["a"]


def test_what_is_no_tag_comes_back_at_its_field(people: People) -> None:
    assert people.admin.user
    server, admin = a_server(tags=["old"]), Visitor(people.admin.user)
    for wrong in ("", "a,b", "x" * 101):
        answer = admin.post("/admin/tags/change", {"tag": "old", "to": wrong})
        assert (answer.status_code, "1 thing to put right" in answer.content.decode()) == (422, True)
    assert Server.objects.get(pk=server.pk).tags == ["old"]


def test_many_tags_have_pages_and_a_search(people: People) -> None:
    assert people.admin.user
    admin = Visitor(people.admin.user)
    for group in range(3):
        a_server(tags=[f"{word}-{number:02}" for number in range(20) for word in ("red", "blue")][group * 14 : 40])
    page = admin.text("/admin/tags")
    assert ("40 tags" in page, len(page) < 60_000) == (True, True)
    assert "20 tags" in admin.text("/admin/tags?q=RED")
    a_server(tags=[f"tag-{number:02}" for number in range(30)])
    page = admin.text("/admin/tags?q=-&page=2")
    assert (page.count('<tr><th scope="row">'), 'rel="prev" href="?q=-&amp;page=1"' in page) == (20, True)
