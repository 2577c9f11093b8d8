"""Finding leads by what people type: names, e-mail, phone, external id, however many leads there are.

Each lead's words stand as one text in `LeadWords`, written by triggers (`leads.search_index`), so that no writer can
forget them, and only when one of them changes: what the engine writes into leads costs nothing there.
"""

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from leads.identity import BadValue, clean_phone
from leads.models import LeadWords
from leads.search_index import INDEX
from retention_center.lib.bulk import listed

MOST_WORDS = 8
RARE = 10_000  # so many are fetched by their ids; who matches oftener is soon met on the way down the list
LETTERS = 3  # shorter words have no place in the index


def finding(leads: QuerySet, text: str) -> QuerySet:
    """Leads in which every word of the text stands somewhere. Asks at once, in one query, whether they are rare."""
    try:
        whole = clean_phone(text).e164  # a whole number, however it is written
        return leads.filter(Q(phone=whole) | Q(external_id=text.strip()))
    except BadValue:
        pass
    words = text.split()[:MOST_WORDS]
    indexed = [word for word in words if len(word) >= LETTERS]
    ids = list(_holding(indexed).values_list("lead", flat=True)[: RARE + 1]) if indexed else []
    if indexed and len(ids) <= RARE:
        leads = leads.filter(pk__in=listed([*ids, text.strip()]))  # or its own id; an OR would read every lead
        words = [word for word in words if len(word) < LETTERS]
    for word in words:
        leads = leads.filter(_stands_in_columns(word))
    return leads


def _holding(words: list[str]) -> QuerySet[LeadWords]:
    if connection.vendor == "sqlite":
        match = " AND ".join(f"({' OR '.join(map(_phrase, _spellings(word)))})" for word in words)
        matching = f"SELECT rowid FROM {INDEX} WHERE {INDEX} MATCH %s"  # noqa: S608 - our own name
        return LeadWords.objects.filter(pk__in=RawSQL(matching, [match]))  # noqa: S611
    rows = LeadWords.objects.all()
    for word in words:
        rows = rows.filter(Q.create([("text__contains", each.lower()) for each in _spellings(word)], connector=Q.OR))
    return rows


def _stands_in_columns(word: str) -> Q:
    found = Q(pk=word)
    for column in ("first_name", "last_name", "email", "external_id"):
        found |= Q(**{f"{column}__icontains": word})
    return found | Q(phone__contains=_digits(word)) if _digits(word) else found


def _spellings(word: str) -> list[str]:
    """The word, and the number in it as numbers are kept."""
    return list(dict.fromkeys([word, _digits(word) or word]))


def _digits(word: str) -> str:
    digits = "".join(letter for letter in word if letter.isdigit())
    return digits if len(digits) > LETTERS else ""


def _phrase(word: str) -> str:
    doubled = word.replace('"', '""')
    return f'"{doubled}"'
