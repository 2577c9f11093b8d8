"""What the database does by itself so that leads are found by their words: triggers, an index of letters in threes.

A migration that makes ``leads_lead`` anew, as SQLite does for some changes, drops its triggers: it calls `create`.
"""

from typing import Any

from django.db import DatabaseError, connection, transaction

INDEX = "leads_words_index"
COLUMNS = ("first_name", "last_name", "email", "phone", "external_id")


def create(_apps: Any, schema_editor: Any) -> None:
    """For a migration; safe to repeat."""
    if schema_editor.connection.vendor == "sqlite":
        for statement in _SQLITE:
            schema_editor.execute(statement)
        return
    schema_editor.execute(_POSTGRESQL)
    try:
        with transaction.atomic(using=schema_editor.connection.alias):
            schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
    except DatabaseError:
        return  # this database's owner forbids it: the words are read through, which takes longer with every lead
    schema_editor.execute(f"CREATE INDEX IF NOT EXISTS {INDEX} ON leads_leadwords USING gin (text gin_trgm_ops)")


def compact() -> None:
    """Write the index anew without what was taken out of it: until then SQLite keeps that, marked as gone."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {INDEX} ({INDEX}) VALUES ('optimize')")


def _words(row: str) -> str:
    """The lead's words as one text: SQL over ``NEW`` or another name of the row."""
    joined = " || ' ' || ".join(f"coalesce({row}.{column}, '')" for column in COLUMNS)
    return f"lower(trim({joined}))"


_OTHERS = " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in COLUMNS)
_WATCHED = ", ".join(COLUMNS)
_PUT = f"INSERT INTO leads_leadwords (lead_id, text) VALUES (NEW.id, {_words('NEW')})"
_SQLITE = [
    f"CREATE VIRTUAL TABLE IF NOT EXISTS {INDEX} USING fts5"
    "(text, content='leads_leadwords', content_rowid='id', tokenize='trigram')",
    f"CREATE TRIGGER IF NOT EXISTS leads_words_new AFTER INSERT ON leads_lead BEGIN {_PUT}; END",
    f"CREATE TRIGGER IF NOT EXISTS leads_words_changed AFTER UPDATE OF {_WATCHED} ON leads_lead"
    f" WHEN {_OTHERS.replace('IS DISTINCT FROM', 'IS NOT')}"
    f" BEGIN UPDATE leads_leadwords SET text = {_words('NEW')} WHERE lead_id = NEW.id; END",
    f"CREATE TRIGGER IF NOT EXISTS leads_words_in AFTER INSERT ON leads_leadwords"
    f" BEGIN INSERT INTO {INDEX} (rowid, text) VALUES (NEW.id, NEW.text); END",
    f"CREATE TRIGGER IF NOT EXISTS leads_words_out AFTER DELETE ON leads_leadwords"
    f" BEGIN INSERT INTO {INDEX} ({INDEX}, rowid, text) VALUES ('delete', OLD.id, OLD.text); END",
    f"CREATE TRIGGER IF NOT EXISTS leads_words_over AFTER UPDATE ON leads_leadwords"
    f" BEGIN INSERT INTO {INDEX} ({INDEX}, rowid, text) VALUES ('delete', OLD.id, OLD.text);"
    f" INSERT INTO {INDEX} (rowid, text) VALUES (NEW.id, NEW.text); END",
]
_POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION leads_keep_words() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  {_PUT} ON CONFLICT (lead_id) DO UPDATE SET text = EXCLUDED.text;
  RETURN NULL;
END $$;
CREATE OR REPLACE TRIGGER leads_words_new AFTER INSERT ON leads_lead
  FOR EACH ROW EXECUTE FUNCTION leads_keep_words();
CREATE OR REPLACE TRIGGER leads_words_changed AFTER UPDATE OF {_WATCHED} ON leads_lead
  FOR EACH ROW WHEN ({_OTHERS}) EXECUTE FUNCTION leads_keep_words();
"""
