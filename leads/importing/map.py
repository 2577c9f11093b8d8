"""Which column of a file is which field of a lead: recognised by its name, in five languages, or chosen by staff."""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

from leads.cleaning import STATUS_WORDS
from leads.importing.read import Record

FULL_NAME = "full_name"
LEFT_OUT = "ignore"
META = ""
CHOICES = {  # what a column can be, in the words of the page
    META: "Custom field",
    "first_name": "First name",
    "last_name": "Last name",
    FULL_NAME: "Full name",
    "email": "E-mail",
    "phone": "Phone",
    "external_id": "External id",
    "source": "Source",
    "status": "Status",
    "time_zone": "Time zone",
    "notes": "Notes",
    LEFT_OUT: "Leave out",
}

# Each field's names, the surest first: English, German, French, Spanish, Polish, then what CRMs and phones export
NAMES: dict[str, str] = {
    "email": """email|e mail|email address|e mail address|primary email|e mail adresse|email adresse|mailadresse
        |courriel|adresse e mail|adresse email|adresse mail|adresse electronique|correo electronico|correo
        |direccion de correo|adres e mail|adres email|poczta|mail|email 1|e mail 1 value|e mail 1 address
        |email 1 value|contact email|person email|lead email|work email|business email|email work|email home
        |personal email|customer email""",
    "phone": """mobile|mobile phone|mobile number|mobile phone number|cell|cell phone|cellphone|phone
        |phone number|telephone|telephone number|tel|primary phone|phone 1|handy|handynummer|mobil|mobiltelefon
        |mobilnummer|telefon|telefonnummer|rufnummer|telephone portable|portable|mobile telephone
        |numero de telephone|n de telephone|movil|telefono movil|celular|telefono|numero de telefono
        |telefon komorkowy|komorka|numer telefonu|nr telefonu|nr tel|phone 1 value|contact phone|person phone
        |lead phone|gsm|whatsapp|work phone|business phone|home phone|phone work|phone mobile|customer phone""",
    "first_name": """first name|firstname|given name|forename|first|vorname|prenom|nombre|nombre de pila|imie
        |fname|contact first name|person first name|lead first name|name first|customer first name""",
    "last_name": """last name|lastname|surname|family name|last|nachname|familienname|zuname|nom de famille
        |apellidos|apellido|nazwisko|lname|contact last name|person last name|lead last name|name last
        |customer last name""",
    FULL_NAME: """full name|fullname|name|contact name|display name|contact|lead name|customer name|person name
        |lead|person|vollstandiger name|kontakt|kontaktname|nom complet|nom et prenom|nom|nombre completo
        |nombre y apellidos|imie i nazwisko|kunde|client|cliente|klient""",
    "external_id": """external id|externalid|record id|customer id|contact id|lead id|user id|client id
        |person id|crm id|customer number|customer no|id|kundennr|kundennummer|kunden nr|kunden id|kontakt id
        |numero client|id client|n client|identifiant|id cliente|numero de cliente|codigo de cliente
        |identificador|id klienta|numer klienta|nr klienta|identyfikator|record id contact|contact record id
        |subscriber id|member id|account id""",
    "source": """source|lead source|original source|original source type|contact source|quelle|leadquelle
        |lead quelle|herkunft|origine|source du lead|provenance|origen|fuente|fuente del lead|zrodlo
        |zrodlo leada|pochodzenie|channel source""",
    "status": """status|lead status|contact status|statut|statut du lead|estado|estado del lead|status leada
        |stan""",
    "time_zone": """time zone|timezone|tz|zeitzone|fuseau horaire|zona horaria|huso horario|strefa czasowa""",
    "notes": """notes|note|comments|comment|remarks|remark|bemerkung|bemerkungen|notiz|notizen|anmerkung
        |anmerkungen|kommentar|remarques|remarque|commentaire|commentaires|notas|nota|observaciones|comentarios
        |comentario|uwagi|notatki|notatka|komentarz""",
}
_RANKED = {field: [name.strip() for name in names.split("|")] for field, names in NAMES.items()}
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_APART = re.compile(r"[^a-z0-9]+")


def plain(header: str) -> str:
    """A column's name without case, accents and signs: ``"E-Mail-Adresse"`` is ``"e mail adresse"``."""
    spaced = _CAMEL.sub(" ", header).replace("ł", "l").replace("Ł", "L").replace("ß", "ss")
    bare = unicodedata.normalize("NFKD", spaced).encode("ascii", "ignore").decode().lower()
    return _APART.sub(" ", bare).strip()


def guess(columns: Sequence[str], records: Iterable[Record] = ()) -> dict[str, str]:
    """Column: field, or blank where none is recognised. One column for each field; the surest name wins."""
    names = {column: plain(column) for column in columns}
    found: dict[str, str] = {}
    for field, ranked in _RANKED.items():
        column = _best(names, ranked, found)
        if column and (field != "status" or _are_statuses(columns.index(column), records)):
            found[column] = field
    for column, field in list(found.items()):
        if field == FULL_NAME and "first_name" in found.values():
            found[column] = META if "last_name" in found.values() else "last_name"
        if field == "first_name" and names[column] == "nombre" and not {"last_name", FULL_NAME} & set(found.values()):
            found[column] = FULL_NAME
    if "email" not in found.values() and "phone" not in found.values():
        found |= _by_content(columns, list(records)[:50], found)
    return {column: found.get(column, META) for column in columns}


def _best(names: Mapping[str, str], ranked: Sequence[str], taken: Mapping[str, str]) -> str | None:
    ranks = {column: ranked.index(name) for column, name in names.items() if name in ranked and column not in taken}
    return min(ranks, key=lambda column: ranks[column]) if ranks else None


def _are_statuses(place: int, records: Iterable[Record]) -> bool:
    """A status column counts only when its words are ours; another system's words are a custom field."""
    words = {record.cells[place].lower() for record in records} - {""}
    return all(word in STATUS_WORDS for word in words)


def _by_content(columns: Sequence[str], records: Sequence[Record], found: Mapping[str, str]) -> dict[str, str]:
    """In a file without a header, the column of the @ is the e-mail."""
    for place, column in enumerate(columns):
        cells = [record.cells[place] for record in records if record.cells[place]]
        if column not in found and cells and sum("@" in cell for cell in cells) > len(cells) / 2:
            return {column: "email"}
    return {}


def chosen(columns: Sequence[str], guessed: Mapping[str, str], wishes: Mapping[str, str]) -> dict[str, str]:
    """The guess with staff's own choices over it; a field they gave to one column is taken from the guessed one.

    Raises ValueError, in one sentence, for a column or field that does not exist.
    """
    for column, field in wishes.items():
        if column not in columns:
            raise ValueError(f"The file has no column “{column}”. It has: {', '.join(columns)}.")
        if field not in CHOICES:
            raise ValueError(f"“{field}” is no field of a lead. There are: {', '.join(filter(None, CHOICES))}.")
    wished = set(wishes.values()) - {META, LEFT_OUT}
    rest = {column: META if field in wished else field for column, field in guessed.items()}
    return rest | dict(wishes)
