import pytest

from campaigns.rendering import sms_size


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (0, "GSM-7", 0)),
        ("a" * 160, (160, "GSM-7", 1)),
        ("a" * 161, (161, "GSM-7", 2)),
        ("a" * 306, (306, "GSM-7", 2)),
        ("a" * 307, (307, "GSM-7", 3)),
        ("€" * 80, (80, "GSM-7", 1)),
        ("€" * 81, (81, "GSM-7", 2)),
        ("a" * 152 + "€" + "a" * 152, (305, "GSM-7", 3)),  # the euro sign may not be cut in two
        ("ī" * 70, (70, "UCS-2", 1)),
        ("ī" * 71, (71, "UCS-2", 2)),
        ("😀" * 35, (35, "UCS-2", 1)),
        ("😀" * 36, (36, "UCS-2", 2)),
    ],
)
def test_characters_encoding_and_segments_are_counted_as_providers_bill_them(text, expected):
    assert tuple(sms_size(text)) == expected
