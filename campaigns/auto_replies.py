"""Telling what a telephone or mailbox answers by itself from what a person writes. Pure.

Only what people hardly write themselves counts: taking a person's words for a machine's would go on contacting somebody
who has answered.
"""

import re

_OPENINGS = (
    r"(this is an? )?auto(matic|mated)?[ -]?(reply|response|message)\b",
    r"automatische (antwort|abwesenheits)",
    r"r[ée]ponse automatique",
    r"respuesta autom[áa]tica",
    r"risposta automatica",
    r"resposta autom[áa]tica",
    r"автоответ",
    r"\(?i(’|'|)m driving\b.*\b(do not disturb|focus|turned on|see your message)",
    r"(i am|i(’|'|)m) (currently )?out of( the)? office\b",
    r"out of( the)? office\b",
)
_AUTOMATIC = re.compile(rf"\W*({'|'.join(_OPENINGS)})", re.IGNORECASE | re.DOTALL)


def is_automatic(text: str) -> bool:
    """Whether nobody wrote this: an out-of-office note, a telephone whose owner drives."""
    return _AUTOMATIC.match(text[:500]) is not None
