import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.models import Script
from campaigns.rendering import BadTemplate, EmptyPlaceholder, context_for, placeholders, problems, render
from campaigns.templating import compiled
from leads.models import Lead

UNSUBSCRIBE = "https://rc.example/u/abc?x=1&y=2"


def context(**fields):
    values = {"first_name": "Ann", "email": "ann@example.com", "meta": {"city": "Riga", "visits": 3}} | fields
    return context_for(Lead(**values), unsubscribe_url=UNSUBSCRIBE, tracking_url="https://t.example/c")


def script(content, channel="SMS", **fields):
    return Script(**{"name": "Come back", "type": channel, "content": content} | fields)


def test_placeholders_are_filled_with_the_lead():
    text = render(
        script("Hi {{ firstName }}, {{ meta.city | upcase }} misses you {{ meta.visits | plus: 1 }} times"), context()
    ).text
    assert text == "Hi Ann, RIGA misses you 4 times"


@pytest.mark.parametrize(
    "text",
    [
        "Hi {{ lastName }}",
        "Hi {{ meta.street }}",
        "Hi {{ lastName | capitalize }}",
        "{{ 'Dear ' | append: lastName }}",
        "{{ lastName | default: meta.street }}",
        "{% assign name = lastName %}{{ nobodyKnows }}",
    ],
)
def test_an_empty_placeholder_without_a_default_is_never_sent_as_a_blank(text):
    with pytest.raises(EmptyPlaceholder):
        render(script(text), context())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hi {{ lastName | default: 'there' }}", "Hi there"),
        ("Hi{% if lastName %} {{ lastName }}{% endif %}", "Hi"),
        ("{{ lastName | default: firstName }}", "Ann"),
        ("{% assign mark = '' %}Hi{{ mark }}", "Hi"),
    ],
)
def test_a_blank_that_the_author_foresaw_is_fine(text, expected):
    assert render(script(text), context()).text == expected


def test_the_empty_placeholder_is_named():
    with pytest.raises(EmptyPlaceholder) as caught:
        render(script("{{ meta.street }}"), context())
    assert caught.value.name == "meta.street"


def test_html_escapes_values_and_text_does_not():
    names = context(first_name="<b>Ann</b> & Co")
    assert "<b>Ann</b> & Co" in render(script("Hi {{ firstName }}"), names).text
    html = render(script("<p>Hi {{ firstName }}</p>", "EMAIL", content_type="html"), names)
    assert "<p>Hi &lt;b&gt;Ann&lt;/b&gt; &amp; Co</p>" in html.html
    assert "Hi <b>Ann</b> & Co" in html.text


def test_a_line_break_in_a_value_cannot_start_another_header():
    mail = render(script("x", "EMAIL", subject="Hi {{ firstName }}"), context(first_name="Ann\r\nBcc: all@example.com"))
    assert mail.subject == "Hi Ann Bcc: all@example.com"


def test_the_subject_defaults_to_the_name():
    assert render(script("x", "EMAIL"), context()).subject == "Come back"


def test_a_text_mail_gets_an_html_half_and_a_way_out(settings):
    settings.POSTAL_ADDRESS = "1 Main Street, Riga"
    mail = render(script("Hi {{ firstName }}\nhttps://shop.example/a?b=1&c=2.", "EMAIL"), context())
    assert f"To stop these e-mails: {UNSUBSCRIBE}" in mail.text
    assert "1 Main Street, Riga" in mail.text
    assert 'href="https://rc.example/u/abc?x=1&amp;y=2"' in mail.html
    assert '<a href="https://shop.example/a?b=1&amp;c=2">https://shop.example/a?b=1&amp;c=2</a>.' in mail.html


def test_an_html_mail_gets_a_text_half_and_keeps_its_own_way_out():
    links = 'Go <a href="https://shop.example">here</a><br>or <a href="{{ unsubscribeUrl }}">leave</a>'
    own = f"<html><body><h1>Hi</h1><p>{links}</p></body></html>"
    mail = render(script(own, "EMAIL", content_type="html"), context())
    assert mail.html.count("rc.example/u/") == 1
    assert mail.text == f"Hi\n\nGo here (https://shop.example)\nor leave ({UNSUBSCRIBE})\n"


def test_an_html_mail_without_a_way_out_gets_one_inside_its_body():
    mail = render(script("<html><body><p>Hi</p></body></html>", "EMAIL", content_type="html"), context())
    assert mail.html.index("Stop these e-mails") < mail.html.index("</body>")
    assert UNSUBSCRIBE in mail.text


def test_a_webhook_body_is_json_whatever_the_values():
    source = '{"name": "{{ firstName }}", "visits": {{ meta.visits }}, "city": {{ meta.city }},'
    source += ' "said": "\\"{{ firstName }}\\""}'
    body = render(script(source, "WEBHOOK"), context(first_name='A"n\\n\n')).text
    assert json.loads(body) == {"name": 'A"n\\n\n', "visits": 3, "city": "Riga", "said": '"A"n\\n\n"'}


def test_a_webhook_body_that_is_no_json_is_refused():
    with pytest.raises(BadTemplate, match="no JSON"):
        render(script('{"name": {{ firstName }}', "WEBHOOK"), context())


def test_values_cannot_reach_into_python():
    with pytest.raises(EmptyPlaceholder):
        render(script("{{ firstName.__class__.__mro__ }}"), context())


def test_the_text_of_a_lead_is_never_run_as_a_template():
    assert render(script("{{ firstName }}"), context(first_name="{{ email }}")).text == "{{ email }}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("Hi {{ firstname }}", "There is no placeholder “firstname”; did you mean firstName?"),
        ("Hi {{ lead.email }}", "There is no placeholder “lead.email”"),
        ("Hi {{ meta }}", "“meta” needs a name after it, such as meta.city."),
        ("Hi {{ campaign.budget }}", "There is no placeholder “campaign.budget”"),
        ("one\n{% include 'x' %}", "Line 2: there is no tag “include”."),
        ("{{ firstName | shout }}", "There is no filter “shout”."),
        ("{{ firstName | safe }}", "There is no filter “safe”."),
        ("{% if firstName %}", "endif"),
        ("{{ firstName", "Line 1: expected"),
        ("{{ 'now' | date: '%Y' }}", "no clock"),
        ("{% if email %}" * 9 + "{% endif %}" * 9, "nesting"),
        ("x" * 100_001, "It is longer than 100 kB."),
        ("{% for i in (1..100000000) %}x{% endfor %}", "loops may turn 1,000 times"),
        ("{% for i in (1..600) %}{% endfor %}{% for i in (1..600) %}{% endfor %}", "loops may turn 1,000 times"),
        ("{{ (1..1000000000) | join: '' }}", "too large"),
        ("{% assign x = 9 %}{% for i in (1..90) %}{% assign x = x | times: x %}{% endfor %}", "too large"),
        ("{% assign x = 'ab' %}{% for i in (1..90) %}{% assign x = x | append: x %}{% endfor %}", "too large"),
    ],
)
def test_what_is_wrong_is_said_at_save(text, problem):
    (said,) = problems(text)
    assert problem in said


def test_a_webhook_that_is_no_json_is_said_at_save():
    assert problems('{"a": "{{ firstName }}", "b": {{ meta.n }}}', channel="WEBHOOK") == []
    assert "no JSON" in problems('{"a": }', channel="WEBHOOK")[0]


def test_a_good_text_has_no_problems():
    text = "{% for tag in meta.tags %}{{ tag }}{% endfor %}{{ meta['first pet'] | default: 'x' }}"
    text += "{{ campaign.name }}{{ sequence.name }}"
    assert problems(text) == []
    assert placeholders("{{ firstName }}{% if meta.city %}{{ email }}{% endif %}") == {
        "firstName",
        "meta.city",
        "email",
    }


PLACEHOLDERS = [
    "{{ firstName }}",
    "{{meta.city}}",
    "{{ meta.size }}",
    "{{ lastName | default: 'you' }}",
    "{% if 1 %}x{% endif %}",
]
WORDS = st.one_of(st.none(), st.text(max_size=8), st.integers(), st.dictionaries(st.just("city"), st.text(max_size=5)))


@given(
    parts=st.lists(st.one_of(st.sampled_from(PLACEHOLDERS), st.text("ab {}%<\n", max_size=5)), max_size=6),
    first=WORDS,
    meta=WORDS,
)
def test_the_short_way_writes_what_liquid_writes(parts, first, meta):
    context = {"firstName": first, "lastName": None, "meta": meta}
    try:
        text = compiled("".join(parts))
    except BadTemplate:
        return
    outcomes = []
    for way in (text, replace(text, parts=None)):
        try:
            outcomes.append(way.render(context))
        except (EmptyPlaceholder, BadTemplate) as error:
            outcomes.append(str(error))
    assert outcomes[0] == outcomes[1]
