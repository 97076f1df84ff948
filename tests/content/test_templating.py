"""The language of prompt templates: what it says, what it refuses, and that it always ends."""

import time

import pytest

from proxy_app.content.templating import RENDERED_LIMIT, BadTemplate, TooLong, parse

SAYS = {
    "plain text, { and } and {x}": "plain text, { and } and {x}",
    "Hello {{ who }}": "Hello Ann",
    "{{who}}{{ who|upper }}": "AnnANN",
    '{{ none | default("you") }}': "you",
    "{{ who | default('you') }}": "Ann",
    "{{ who | upper | json }}": '"ANN"',
    "{{ spaced | trim | capitalize }}|{{ spaced | title }}": "A b|  A B ",
    "a {#- a comment {{ x }} -#} b": "ab",
    "a {{- who -}} b": "aAnnb",
    "{% if who %}yes{% else %}no{% endif %}": "yes",
    "{% if not who %}yes{% elif none %}perhaps{% else %}no{% endif %}": "no",
    '{% if who == "Ann" and not none %}1{% endif %}{% if who != "Ann" or none %}2{% endif %}': "1",
    "{% if who == who %}{% if none %}a{% else %}b{% endif %}{% endif %}": "b",
    "{{ who }}'s <b>": "Ann's <b>",
}


@pytest.mark.parametrize("text", SAYS)
def test_a_template_says_what_it_should(text: str) -> None:
    assert parse(text).render({"who": "Ann", "spaced": "  a b ", "none": ""}) == SAYS[text]


def test_what_an_argument_says_is_never_a_template() -> None:
    assert parse("{{ who }}").render({"who": "{{ who }}{% if x %}"}) == "{{ who }}{% if x %}"


REFUSED = {
    "Hello {{ who": "never closed",
    "{{ }}": "nothing is named",
    "{{ who.__class__ }}": "not understood",
    "{{ who['a'] }}": "not understood",
    "{{ ''.__class__.__mro__ }}": "not understood",
    "{{ who() }}": "not understood",
    "{{ cycler.__init__.__globals__ }}": "not understood",
    "{{ 7*7 }}": "not understood",
    "{{ who | attr('x') }}": "no filter 'attr'",
    "{{ who | default }}": "default takes one text",
    "{{ who | json | json }}": "twice",
    "{% for x in who %}{% endfor %}": "{% for %} is not known",
    "{% set x = 1 %}": "{% set %} is not known",
    "{% include 'x' %}": "{% include %} is not known",
    "{% if a %}": "no {% endif %}",
    "{% endif %}": "outside",
    "{% if a %}{% else %}{% elif b %}{% endif %}": "behind an",
    "{% if %}x{% endif %}": "nothing is named",
    "one\ntwo {{ a b }}": "Line 2",
    "{% if a %}" * 21 + "{% endif %}" * 21: "nested deeper",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_template_is_refused_with_the_reason(text: str) -> None:
    with pytest.raises(BadTemplate, match=REFUSED[text].replace("{", r"\{").replace("%", "%")):
        parse(text)


def test_arguments_are_read_from_the_template_and_needed_where_nothing_stands_for_them() -> None:
    template = parse('{{ a }}{% if b == c %}{{ d }}{{ a }}{% endif %}{{ e | default("x") }}{{ f }}')
    assert template.arguments() == {"a": True, "b": False, "c": False, "d": False, "e": False, "f": True}


BOMBS = {
    "openings": "{{" * 30_000,
    "tags": "{%" * 30_000,
    "blanks": "{{" + " " * 60_000 + "!}}",
    "filters": "{{ a" + "|upper" * 10_000 + "}}",
    "conditions": "{% if " + "a and " * 10_000 + "a %}x{% endif %}",
    "values": "{{ a }}" * 9_000,
    "comparisons": "{% if a|upper == a|lower %}{% endif %}" * 1_500,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_no_template_takes_long_or_grows_without_end(bomb: str) -> None:
    began = time.process_time()
    try:
        said = parse(BOMBS[bomb]).render({"a": "x" * 100_000})
    except (BadTemplate, TooLong):
        said = ""
    assert len(said) <= RENDERED_LIMIT
    assert time.process_time() - began < 2
