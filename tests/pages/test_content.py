"""The pages of resources and prompts of our own, and that of roots."""

from django.core.files.uploadedfile import SimpleUploadedFile

from proxy_app.content.stored import CONTENT_LIMIT_BYTES
from proxy_app.models import Prompt, PromptVersion, Resource, ResourceContent, Root
from tests.builders import own_prompt, own_resource
from tests.pages.conftest import Visitor

PNG = b"\x89PNG\r\n\x1a\n\x00\x00"
NOTE = {"name": "Note", "uri": "file:///note", "visibility": "public"}


def test_a_resource_is_added_with_a_text_and_its_page_shows_it_as_text(admin: Visitor) -> None:
    answer = admin.post("/admin/resources/new", NOTE | {"content": " <b>not bold</b>\r\n"})
    assert answer.status_code == 303, answer.content.decode()
    content = ResourceContent.objects.get()
    assert (bytes(content.body), content.is_text) == (b" <b>not bold</b>\n", True)
    assert "&lt;b&gt;not bold&lt;/b&gt;" in admin.text(answer["Location"])


def test_a_file_takes_the_place_of_the_text(admin: Visitor) -> None:
    image = SimpleUploadedFile("i.png", PNG, "image/png")
    answer = admin.post("/admin/resources/new", NOTE | {"content": "", "file": image})
    row = Resource.objects.get()
    assert (row.mime_type, row.size) == ("image/png", len(PNG))
    assert '<img src="data:image/png;base64,' in admin.text(answer["Location"])
    text = SimpleUploadedFile("n.csv", b"a,b\n1,2\n", "text/csv")
    admin.post(f"/admin/resources/{row.pk.hex}/edit", NOTE | {"content": "", "file": text})
    content = ResourceContent.objects.get()
    assert (bytes(content.body), content.is_text) == (b"a,b\n1,2\n", True)


def test_an_image_of_another_type_is_not_shown_as_one(admin: Visitor) -> None:
    image = SimpleUploadedFile("i.svg", b"<svg onload='alert(1)'/>", "image/svg+xml")
    answer = admin.post("/admin/resources/new", NOTE | {"file": image})
    page = admin.text(answer["Location"])
    assert "of a type not shown here" in page
    assert "data:image/svg" not in page


def test_a_file_that_is_too_large_is_told_at_its_control(admin: Visitor) -> None:
    large = SimpleUploadedFile("x.bin", b"x" * (CONTENT_LIMIT_BYTES + 1))
    answer = admin.post("/admin/resources/new", NOTE | {"file": large})
    assert answer.status_code == 422
    assert 'href="#file"' in answer.content.decode()


def test_editing_without_a_new_text_keeps_the_present_one(admin: Visitor) -> None:
    row = own_resource("note", content=PNG, mime_type="image/png", owner=admin.user)
    form = NOTE | {"uri": row.uri, "mime_type": "image/png", "description": "new", "content": ""}
    assert admin.post(f"/admin/resources/{row.pk.hex}/edit", form).status_code == 303
    assert bytes(ResourceContent.objects.get().body) == PNG
    row = own_resource("text", content="the text")
    assert "the text</textarea>" in admin.text(f"/admin/resources/{row.pk.hex}/edit")


def test_a_template_is_read_from_its_page(admin: Visitor) -> None:
    answer = admin.post("/admin/resources/new", NOTE | {"uri": "item://{id}", "content": "item {id}"})
    row = Resource.objects.get()
    assert row.uri_template == "item://{id}"
    answer = admin.post(f"/admin/resources/{row.pk.hex}/read", {"uri": "item://<7>"})
    assert "item &lt;7&gt;" in answer.content.decode()
    answer = admin.post(f"/admin/resources/{row.pk.hex}/read", {"uri": "other://7"})
    assert (answer.status_code, 'href="#uri"' in answer.content.decode()) == (422, True)


def test_a_prompts_arguments_are_edited_without_a_script(admin: Visitor) -> None:
    form = {"name": "Greet", "template": "Hello {{ who }}", "visibility": "public"}
    page = admin.post("/admin/prompts/new", form | {"narrow": "yes"}).content.decode()
    assert 'name="described-who"' in page
    assert not Prompt.objects.exists()
    answer = admin.post("/admin/prompts/new", form | {"described-who": "whom"})
    row = Prompt.objects.get()
    assert (answer.status_code, row.name) == (303, "greet")
    assert row.arguments == [{"name": "who", "description": "whom", "required": False}]
    edit = {"custom_name": "Greet", "template": "Hi {{ who }}{{ x }}", "visibility": "public", "described-who": "w"}
    admin.post(f"/admin/prompts/{row.pk.hex}/edit", edit | {"needed-who": "on"})
    row.refresh_from_db()
    assert [(one["name"], one["description"], one["required"]) for one in row.arguments] == [
        ("who", "w", True),
        ("x", None, True),
    ]


def test_a_broken_template_is_told_at_its_control(admin: Visitor) -> None:
    answer = admin.post("/admin/prompts/new", {"name": "Greet", "template": "{{ who", "visibility": "public"})
    page = answer.content.decode()
    assert (answer.status_code, 'href="#template"' in page, "never closed" in page) == (422, True, True)


def test_a_prompt_is_rendered_from_its_page_and_what_it_says_is_text(admin: Visitor) -> None:
    row = own_prompt(template="Hello {{ who }}")
    answer = admin.post(f"/admin/prompts/{row.pk.hex}/render", {"given-who": "<script>"})
    assert "Hello &lt;script&gt;" in answer.content.decode()
    answer = admin.post(f"/admin/prompts/{row.pk.hex}/render", {})
    assert (answer.status_code, 'href="#given-who"' in answer.content.decode()) == (422, True)


def test_an_earlier_template_is_brought_back(admin: Visitor) -> None:
    row = own_prompt(template="first", owner=admin.user)
    admin.post(f"/admin/prompts/{row.pk.hex}/edit", {"custom_name": "x", "template": "second", "visibility": "public"})
    page = admin.text(f"/admin/prompts/{row.pk.hex}")
    assert "2, in use" in page
    assert admin.post(f"/admin/prompts/{row.pk.hex}/versions/1/restore").status_code == 303
    row.refresh_from_db()
    assert (row.template, PromptVersion.objects.count()) == ("first", 3)


def test_roots_are_added_and_removed_on_their_page(admin: Visitor, guest: Visitor) -> None:
    assert admin.post("/admin/roots", {"uri": "https://example.com/", "name": "One"}).status_code == 303
    assert "https://example.com/" in admin.text("/admin/roots")
    assert 'href="#uri"' in admin.post("/admin/roots", {"uri": "https://example.com/"}).content.decode()
    assert guest.get("/admin/roots").status_code == 403
    admin.post("/admin/roots/remove", {"uri": "https://example.com/"})
    assert not Root.objects.exists()
