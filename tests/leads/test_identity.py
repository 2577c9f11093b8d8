import pytest

from leads.identity import BadValue, clean_email, clean_phone, clean_text, clean_zone, storable_json, zones_of


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("  Ada.Lovelace@Example.COM ", "ada.lovelace@example.com"),
        ("o'neil+tag@mail.example.co.uk", "o'neil+tag@mail.example.co.uk"),
        ("ÄDA@bücher.example", "äda@bücher.example"),
        ("someone@example.test", "someone@example.test"),
    ],
)
def test_an_address_is_trimmed_and_lower_case(text, kept):
    assert clean_email(text) == kept


@pytest.mark.parametrize(
    "text", ["", "unknown", "a@", "@b.com", "a@b", "a b@example.com", "a@@b.com", "a@b,com", "a@b..com", "x" * 300]
)
def test_what_is_no_address_is_refused_in_one_sentence(text):
    with pytest.raises(BadValue) as refused:
        clean_email(text)
    assert refused.value.message
    assert "\n" not in refused.value.message


@pytest.mark.parametrize(
    ("text", "region", "e164"),
    [
        ("+1 305 720 9623", "US", "+13057209623"),
        ("(305) 510-2323", "US", "+13055102323"),
        ("0171 / 60558204", "DE", "+4917160558204"),
        ("+49 (0)176 84783119", "US", "+4917684783119"),
        ("004917562641107", "DE", "+4917562641107"),
        ("07500 683681", "GB", "+447500683681"),
    ],
)
def test_a_phone_number_becomes_e164(text, region, e164):
    assert clean_phone(text, region).e164 == e164


@pytest.mark.parametrize("text", ["", "12345", "call me", "+999 1 2", "+1 305 720 96231111", "9" * 500])
def test_a_number_nobody_has_is_refused(text):
    with pytest.raises(BadValue):
        clean_phone(text, "US")


def test_a_number_tells_every_zone_its_prefix_allows():
    assert clean_phone("(305) 510-2323", "US").zones == ["America/New_York"]
    assert "Australia/Sydney" in zones_of("+61491570156")
    assert zones_of("nonsense") == []


def test_a_zone_is_one_of_the_database():
    assert clean_zone(" Europe/Riga ") == "Europe/Riga"
    with pytest.raises(BadValue, match="no time zone"):
        clean_zone("Riga")


def test_what_no_database_keeps_is_taken_out():
    assert clean_text(" a\x00b ") == "ab"
    assert storable_json({"a\x00": ["\ud800x", {"b": 1}]}) == {"a": ["x", {"b": 1}]}


def test_a_text_too_long_says_how_long_it_may_be():
    with pytest.raises(BadValue, match="At most 3"):
        clean_text("abcd", 3)
