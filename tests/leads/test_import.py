import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest
from django.core.management import CommandError, call_command

from leads import tasks
from leads.importing import rejected, start
from leads.importing import run as running
from leads.importing.map import guess
from leads.importing.read import Unreadable, read
from leads.models import ImportFile, ImportJob, ImportRow, Lead
from retention_center import jobs
from retention_center.audit import SYSTEM
from retention_center.lib import clock
from retention_center.models import AuditEvent, Job
from tests.builders import make_campaign, make_lead

DATA = Path(__file__).parent.parent / "data"
EXPECTED = json.loads((DATA / "expected.json").read_text())


def import_file(path, capsys, **options):
    call_command("import_leads", str(path), **options)
    return json.loads(capsys.readouterr().out.splitlines()[-1])


def write(tmp_path, text, encoding="utf-8", name="people.csv"):
    path = tmp_path / name
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.django_db
@pytest.mark.parametrize("name", EXPECTED)
def test_a_known_file_gives_exactly_the_known_counts_and_nothing_the_second_time(name, capsys):
    expected = EXPECTED[name]
    report = import_file(DATA / name, capsys, region=expected["region"])
    counted = ("rows", "created", "updated", "unchanged", "invalid", "warnings")
    assert {key: report[key] for key in counted} == {key: expected[key] for key in counted}
    assert Lead.objects.count() == expected["leads"]
    again = import_file(DATA / name, capsys, region=expected["region"])
    assert (again["created"], again["updated"], again["invalid"]) == (0, 0, expected["invalid"])
    assert Lead.objects.count() == expected["leads"]


@pytest.mark.django_db
@pytest.mark.parametrize("name", EXPECTED)
def test_the_check_foretells_what_the_run_does_and_writes_nothing(name, capsys):
    expected = EXPECTED[name]
    report = import_file(DATA / name, capsys, region=expected["region"], dry_run=True)
    assert report["rejected_file"] is None
    for key in ("rows", "created", "updated", "unchanged", "invalid", "warnings"):
        assert report[key] == expected[key], key
    assert not Lead.objects.exists()
    assert not ImportJob.objects.exists()


@pytest.mark.parametrize("name", EXPECTED)
def test_encoding_and_delimiter_are_recognised(name):
    table = read((DATA / name).read_bytes())
    assert (table.encoding, table.delimiter) == (EXPECTED[name]["encoding"], EXPECTED[name]["delimiter"])


@pytest.mark.parametrize(
    ("text", "encoding", "found"),
    [
        ("Imię;Nazwisko;E-mail\nŁucja;Wąż;l@example.com\nŻaneta;Święs;z@example.com\n", "cp1250", "cp1250"),
        ("Prénom;Nom;Courriel\nHélène;Lefèvre;h@example.com\nFrançois;Noël;f@example.com\n", "cp1252", "cp1252"),
        ("Nombre,Apellidos,Correo\nIñigo,Muñoz,i@example.com\n", "utf-16", "utf-16"),
        ("Nombre,Apellidos,Correo\nIñigo,Muñoz,i@example.com\n", "utf-16-le", "utf-16-le"),
        ("Имя;E-mail\nАнна;a@example.com\n", "cp1251", "cp1251"),
    ],
)
def test_the_encodings_of_offices_are_told_apart(text, encoding, found):
    table = read(text.encode(encoding))
    assert table.encoding == found
    assert table.records[0].cells[0] == text.splitlines()[1].replace(";", ",").split(",")[0]


@pytest.mark.parametrize(
    ("header", "fields"),
    [
        (["Vorname", "Nachname", "E-Mail-Adresse", "Handy", "Kundennr."],
         ["first_name", "last_name", "email", "phone", "external_id"]),
        (["Prénom", "Nom", "Courriel", "Téléphone portable", "Remarques"],
         ["first_name", "last_name", "email", "phone", "notes"]),
        (["Nombre", "Apellidos", "Correo electrónico", "Móvil", "Origen"],
         ["first_name", "last_name", "email", "phone", "source"]),
        (["Imię", "Nazwisko", "Adres e-mail", "Numer telefonu", "Uwagi"],
         ["first_name", "last_name", "email", "phone", "notes"]),
        (["Full Name", "Work Email", "Mobile Phone Number", "Lead Source", "Shoe size"],
         ["full_name", "email", "phone", "source", ""]),
        (["Given Name", "Family Name", "E-mail 1 - Value", "Phone 1 - Value", "Time Zone"],
         ["first_name", "last_name", "email", "phone", "time_zone"]),
        (["firstName", "lastName", "email", "phone", "externalId"],
         ["first_name", "last_name", "email", "phone", "external_id"]),
    ],
)  # fmt: skip
def test_headers_of_five_languages_and_common_exports_are_recognised(header, fields):
    assert list(guess(header).values()) == fields


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "empty"),
        (b"\n\n  \n", "nothing in the file"),
        (b"Email,Phone\n", "no rows"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00", "not a text file"),
        (b"a,b\nx\x00y,1\n", "NUL"),
        (b"\xff\xfe\x00", "not a text file"),
        (b"PK\x03\x04 no archive", "damaged"),
        (b"a" * 200_000 + b",b\n1,2\n", "table"),
        (b"x" * (10 * 1024 * 1024 + 1), "10 MB"),
        (b"e-mail\n" + b"a@example.com\n" * 100_001, "100,000 rows"),
    ],
)
def test_what_is_no_list_is_refused_in_one_sentence(content, says):
    with pytest.raises(Unreadable, match=says):
        read(content)


def test_a_file_without_a_header_is_read_from_its_first_row():
    table = read(b"Ada,ada@example.com\nBob,bob@example.com\n")
    assert len(table.records) == 2
    assert guess(table.columns, table.records)["Column 2"] == "email"


@pytest.mark.django_db
def test_an_excel_workbook_is_read_too(tmp_path, capsys):
    book = openpyxl.Workbook()
    for row in (["First name", "E-mail", "Phone", "Since"], ["Ada", "ada@example.com", 3055102323.0, None]):
        book.active.append(row)
    book.save(tmp_path / "people.xlsx")
    assert import_file(tmp_path / "people.xlsx", capsys)["created"] == 1
    assert Lead.objects.get().phone == "+13055102323"


@pytest.mark.django_db
def test_an_import_never_converts_and_never_contacts_who_said_no(tmp_path, capsys):
    known = make_lead(email="known@example.com")
    text = "email,status\na@example.com,Converted\nb@example.com,DO_NOT_CONTACT\nknown@example.com,do not contact\n"
    report = import_file(write(tmp_path, text), capsys)
    assert (report["created"], report["warnings"]) == (2, 1)
    known.refresh_from_db()
    assert known.status == "DO_NOT_CONTACT"
    assert dict(Lead.objects.values_list("email", "status"))["a@example.com"] == "NEW"


@pytest.mark.django_db
def test_options_of_the_command_are_obeyed(tmp_path, capsys):
    campaign = make_campaign()
    path = write(tmp_path, "who,reach,source\nAda King,ada@example.com,Web\n")
    options = {"source": "CRM", "campaign": campaign.pk, "map": ["who=fullName", "reach=email"]}
    assert import_file(path, capsys, **options)["created"] == 1
    lead = Lead.objects.get()
    assert (lead.first_name, lead.last_name, lead.source) == ("Ada", "King", "CRM")
    assert campaign.campaign_leads.count() == 1
    with pytest.raises(CommandError, match="no column"):
        call_command("import_leads", str(path), map=["nobody=email"])
    with pytest.raises(CommandError, match="no field"):
        call_command("import_leads", str(path), map=["who=shoe"])
    with pytest.raises(CommandError, match="country"):
        call_command("import_leads", str(path), region="XX")
    with pytest.raises(CommandError, match="No such file"):
        call_command("import_leads", str(tmp_path / "none.csv"))


@pytest.mark.django_db
def test_rows_left_out_are_handed_back_harmless_and_can_be_imported_again(tmp_path, capsys):
    path = write(tmp_path, 'name,email,phone\n=cmd(),nobody,\nBob,,"+1 (305) 51"\n')
    report = import_file(path, capsys)
    rows = list(csv.DictReader(io.StringIO(Path(report["rejected_file"]).read_text("utf-8-sig"))))
    assert rows[0]["name"] == "'=cmd()"
    assert "no @" in rows[0][rejected.REASON]
    assert rows[1]["phone"] == "'+1 (305) 51"
    again = read(Path(report["rejected_file"]).read_bytes())
    assert again.records[1].cells[2] == "+1 (305) 51"


def queued(text, **options):
    importing = start.upload(text.encode(), "people.csv", actor=SYSTEM, **options)
    return importing, start.run(importing, actor=SYSTEM)


@pytest.mark.django_db
def test_a_stopped_import_keeps_what_it_has_done(monkeypatch):
    monkeypatch.setattr(running, "SLICE", 2)
    importing, job = queued("email\n" + "".join(f"p{n}@example.com\n" for n in range(6)))
    ask = lambda done, _result: Job.objects.filter(pk=job.pk).update(stop_requested=done >= 2)  # noqa: E731
    jobs._run(jobs._claim(job.pk), ask)
    job.refresh_from_db()
    importing.refresh_from_db()
    assert job.status == "STOPPED"
    assert importing.processed == Lead.objects.count() == 2


@pytest.mark.django_db
def test_a_job_taken_up_again_goes_on_where_it_was(monkeypatch):
    monkeypatch.setattr(running, "SLICE", 2)
    importing, job = queued("email\n" + "".join(f"p{n}@example.com\n" for n in range(5)))

    def die(done, _result):
        if done >= 4:
            raise KeyboardInterrupt  # as abruptly as a kill: nothing below catches it

    with pytest.raises(KeyboardInterrupt):
        jobs._run(jobs._claim(job.pk), die)
    Job.objects.filter(pk=job.pk).update(lease_until=clock.now() - jobs.LEASE)
    assert jobs.work_on_open_jobs() == 1
    importing.refresh_from_db()
    assert (importing.processed, importing.created) == (5, 5)
    assert Lead.objects.count() == ImportRow.objects.count() == 5
    assert not ImportFile.objects.exists()


@pytest.mark.django_db
def test_running_twice_is_running_once():
    importing, job = queued("email\na@example.com\n")
    assert start.run(importing, actor=SYSTEM).pk == job.pk
    assert AuditEvent.objects.filter(action="import").count() == 1


@pytest.mark.django_db
def test_a_slice_costs_the_same_however_many_rows(django_assert_max_num_queries):
    _importing, job = queued("email,phone\n" + "".join(f"p{n}@example.com,(305) 510-{n:04d}\n" for n in range(900)))
    with django_assert_max_num_queries(30):
        jobs.work_on(job.pk)
    assert Lead.objects.count() == 900


@pytest.mark.django_db
def test_old_drafts_and_the_text_of_old_rows_are_forgotten():
    importing = start.upload(b"email\na@example.com\n", "people.csv", actor=SYSTEM)
    ImportRow.objects.create(import_job=importing, number=1, outcome="invalid", cells={"email": "x"})
    old = clock.now() - tasks.CELLS_KEPT - tasks.DRAFTS_KEPT
    ImportJob.objects.update(created_at=old, updated_at=old)
    assert tasks.forget() == {"leads": 0, "files": 1, "rows": 1}


@pytest.mark.django_db(transaction=True)
def test_a_killed_import_loses_nothing_and_doubles_nothing(subprocess_manage, tmp_path):
    rows = 20_000
    path = write(tmp_path, "email\n" + "".join(f"person{n}@example.com\n" for n in range(rows)))
    process = subprocess_manage.start("import_leads", str(path))
    deadline = clock.monotonic() + 60
    while Lead.objects.count() < 3_000 and clock.monotonic() < deadline:
        clock.sleep(0.01)
    subprocess_manage.kill_group(process)
    importing = ImportJob.objects.get()
    assert 0 < importing.processed < rows
    assert importing.processed == importing.created == Lead.objects.count() == ImportRow.objects.count()
    Job.objects.update(lease_until=clock.now() - jobs.LEASE)
    assert jobs.work_on_open_jobs() == 1
    importing.refresh_from_db()
    assert importing.created == Lead.objects.count() == ImportRow.objects.count() == rows
