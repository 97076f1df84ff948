"""The API reference: every operation of the document, found by words, with a line that works."""

import json
import re
import shlex
from html import unescape
from typing import Any

import pytest

from proxy_app.registry.openapi import build
from tests.pages.conftest import Visitor
from tests.registry.conftest import Caller


def operations(page: str) -> list[str]:
    return re.findall(r"<code>([A-Z]+ /[^<]*)</code></a>", page)


def test_every_operation_of_the_document_is_there(admin: Visitor) -> None:
    expected = {
        f"{method.upper()} {path}"
        for path, item in build()["paths"].items()
        for method in item
        if method not in ("servers", "parameters")
    }
    found = operations(admin.text("/docs"))
    assert (set(found), len(found)) == (expected, len(expected))


def test_it_is_searched_by_method_path_and_words(admin: Visitor) -> None:
    assert operations(admin.text("/docs?q=delete+tool")) == ["DELETE /tools/{key}"]
    assert operations(admin.text("/docs?q=bulk+prompts")) == ["POST /prompts/bulk"]
    assert "No operation matches" in admin.text("/docs?q=unicorn")


def test_every_subject_and_every_schema_has_its_page(admin: Visitor) -> None:
    for address in sorted(set(re.findall(r'href="(/docs/[^"#]+)', admin.text("/docs")))):
        page = admin.text(address)
        for schema in set(re.findall(r'href="(/docs/schemas/[^"]+)', page)):
            assert admin.get(schema).status_code == 200, schema
    assert admin.get("/docs/unicorns").status_code == 404
    assert admin.get("/docs/schemas/Unicorn").status_code == 404


def test_an_operation_is_told_with_parameters_body_and_answers(admin: Visitor) -> None:
    page = admin.text("/docs/servers")
    section = page.partition('id="post-servers"')[2].partition("</section>")[0]
    assert "Idempotency-Key" in section
    assert '<a href="/docs/schemas/ServerCreateBody">ServerCreateBody</a>' in section
    assert re.search(r'<th scope="row">201</th><td>The server.</td>', section)


@pytest.mark.parametrize("anchor", ["post-servers", "post-gateways", "post-servers-bulk"])
def test_the_line_to_paste_is_a_request_that_is_understood(admin: Visitor, anchor: str) -> None:
    page = admin.text(f"/docs/{anchor.split('-')[1]}")
    line = unescape(re.search(rf'id="{anchor}-curl">([^<]+)</pre>', page)[1])  # type: ignore[index]
    words = shlex.split(line.replace("\\\n", " "))
    sent: dict[str, Any] = json.loads(words[words.index("-d") + 1])
    path = words[3].partition("://")[2].partition("/")[2]
    answer = Caller(admin.user).post(f"/{path}", sent)
    assert answer.status_code in (200, 201) or all(one["loc"][1] == "url" for one in answer.json()["detail"])
