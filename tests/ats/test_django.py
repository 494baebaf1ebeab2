"""The Django app: its tables, recording through Django's connections, the admin, opt-in signals (spec R29)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.ats import django_project
from tests.ats.conftest import ROWS, AtsDatabase, _made
from tests.ats.shape import shape
from tests.sandbox.running import environment
from unghost import ats
from unghost.ats.store import schema

django_project.setup()

from django.core.management import call_command  # noqa: E402
from django.db import connection, connections, models, transaction  # noqa: E402
from django.test import Client  # noqa: E402

from unghost.ats.integrations.django import signals  # noqa: E402
from unghost.ats.integrations.django.models import Activity, Application, Customer  # noqa: E402

NOW = datetime(2026, 11, 25, 9, 0, tzinfo=UTC)
ON_EACH = pytest.mark.parametrize("database", ["postgresql", "mysql", "sqlite"], indirect=True)
STAGES = {"declined": "rejected", "screening": "viewed", "interview": "nothing", "left": "candidate_withdrew"}


class Candidate(models.Model):  # type: ignore[misc]  # Django has no types
    """The ATS's own model."""

    name = models.CharField(max_length=100)
    stage = models.CharField(max_length=20, default="new")
    reference = models.CharField(max_length=20, default="")

    class Meta:
        app_label = "shop"


class Rollback(Exception):
    pass


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[AtsDatabase]:
    """An empty database, which Django's default connection leads to."""
    with ExitStack() as stack:
        made = _made(request.param, request, tmp_path, stack)
        with django_project.connected(default=made):
            yield made


@pytest.fixture
def migrated(database: AtsDatabase) -> AtsDatabase:
    """With the app's tables, made by its migration, and the ATS's own."""
    call_command("migrate", "unghost_ats", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(Candidate)
    database.do(*ROWS)
    return database


@ON_EACH
def test_migrate_creates_the_tables_that_the_schema_says_and_takes_them_away_again(
    database: AtsDatabase, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    call_command("migrate", "unghost_ats", verbosity=0)
    folder = tmp_path / "other"
    folder.mkdir()
    with ExitStack() as stack:
        other = _made(database.dialect, request, folder, stack)
        other.do(*schema.ddl(database.dialect))
        assert shape(database) == shape(other)
    call_command("migrate", "unghost_ats", "zero", verbosity=0)
    assert not set(schema.NAMES) & set(connection.introspection.table_names())


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_models_are_what_the_migration_left_and_sqlmigrate_shows_its_statements(
    database: AtsDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("makemigrations", "unghost_ats", check=True, dry_run=True, verbosity=0)
    call_command("sqlmigrate", "unghost_ats", "0001")
    shown = capsys.readouterr().out
    assert all(f"CREATE TABLE {name}" in shown for name in schema.NAMES)
    assert "'" + "', '".join(schema.STATES) + "'" in shown


@ON_EACH
def test_the_models_read_what_is_in_the_tables(migrated: AtsDatabase) -> None:
    ats.record(connection, ats.viewed(4711, at=NOW))
    row = Activity.objects.select_related("application__customer").get()
    assert (row.activity, row.state, row.performed) == ("viewed", "waiting", NOW)
    assert (row.application.number, row.application.customer.organization) == (10001, 12345)
    list(Customer.objects.values(*(field.attname for field in Customer._meta.fields)))
    for model in (Application, Activity):
        list(model.objects.values(*(field.attname for field in model._meta.fields)))
        with pytest.raises(TypeError, match="only read"):
            model.objects.all()[0].save()
        with pytest.raises(TypeError, match="only read"):
            model.objects.all()[0].delete()


@ON_EACH
def test_saving_a_customer_leaves_alone_what_the_dispatcher_wrote(migrated: AtsDatabase) -> None:
    new = Customer(pk=50, destination="board", organization=5, client_id="three", client_secret="env:THREE")
    new.save()
    stale = Customer.objects.get(pk=new.pk)
    migrated.do(f"UPDATE unghost_customer SET turn = 7, access_token = 'fresh' WHERE id = {new.pk}")
    stale.client_id = "four"
    stale.save()
    Customer.objects.update_or_create(destination="board", organization=5, defaults={"client_secret": "env:FOUR"})
    own = "client_id, client_secret, turn, access_token"
    assert migrated.all(f"SELECT {own} FROM unghost_customer WHERE id = {new.pk}") == [("four", "env:FOUR", 7, "fresh")]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_cursor_is_no_connection(migrated: AtsDatabase) -> None:
    with (
        connection.cursor() as cursor,
        pytest.raises(
            ats.RecordError, match="of the type CursorWrapper: give a SQLAlchemy session or connection, a Dj"
        ),
    ):
        ats.record(cursor, ats.viewed(4711))
    assert migrated.recorded() == []


@ON_EACH
def test_what_is_recorded_in_atomic_goes_with_it(migrated: AtsDatabase) -> None:
    with suppress(Rollback), transaction.atomic():
        assert ats.record(connection, ats.rejected(4711, "from elsewhere"), now=NOW) == ats.Recorded(1, 1)
        raise Rollback
    assert migrated.recorded() == []
    with transaction.atomic():
        ats.record(connection, ats.viewed(4711), now=NOW)
        assert migrated.recorded() == [], "the transaction is not over"
    with transaction.atomic():
        with suppress(Rollback), transaction.atomic():  # a savepoint
            ats.record(connection, ats.rejected(4711), now=NOW)
            raise Rollback
        ats.record(connection, ats.resume_displayed(4711), now=NOW)
    ats.record(connection, ats.resume_downloaded(4711), now=NOW)  # autocommit
    assert [row[1] for row in migrated.recorded()] == ["viewed", "resume_displayed", "resume_downloaded"]


@ON_EACH
def test_a_refused_record_leaves_the_transaction_usable(migrated: AtsDatabase) -> None:
    with transaction.atomic():
        with pytest.raises(ats.RecordError):
            ats.record(connection, ats.viewed(4711), now=datetime(2026, 1, 1))  # noqa: DTZ001
        ats.record(connection, ats.viewed(4711), now=NOW)
    assert len(migrated.recorded()) == 1


@ON_EACH
def test_another_database_is_recorded_on_by_its_own_connection(
    migrated: AtsDatabase, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    with ExitStack() as stack:
        second = _made("sqlite", request, folder, stack)
        with django_project.connected(default=migrated, archive=second):
            call_command("migrate", "unghost_ats", database="archive", verbosity=0)
            second.do(*ROWS)
            with transaction.atomic(using="archive"), transaction.atomic():
                ats.record(connections["archive"], ats.rejected(4712), now=NOW)
                ats.record(connection, ats.viewed(4711), now=NOW)
            assert [row[:2] for row in second.recorded()] == [(10003, "rejected")]
            assert [row[:2] for row in migrated.recorded()] == [(10001, "viewed")]


@ON_EACH
def test_the_admin_shows_everything_but_secrets_and_changes_nothing(migrated: AtsDatabase) -> None:
    from django.contrib.auth.models import User

    call_command("migrate", verbosity=0)
    ats.record(connection, ats.viewed(4711), now=NOW)
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    for name, key in (("customer", 1), ("application", 1), ("activity", Activity.objects.get().id)):
        listed = client.get(f"/admin/unghost_ats/{name}/?q=10001")
        shown = client.get(f"/admin/unghost_ats/{name}/{key}/change/")
        assert (listed.status_code, shown.status_code) == (200, 200)
        assert b"env:ONE" not in listed.content + shown.content
        assert client.post(f"/admin/unghost_ats/{name}/{key}/change/", {}).status_code == 403
        assert client.get(f"/admin/unghost_ats/{name}/add/").status_code == 403
        assert client.post(f"/admin/unghost_ats/{name}/{key}/delete/", {"post": "yes"}).status_code == 403


@pytest.fixture
def watched(migrated: AtsDatabase) -> Iterator[AtsDatabase]:
    """Saving a candidate is recorded."""
    disconnect = signals.connect(Candidate, stage_field="stage", stages=STAGES, ats_id="reference")
    yield migrated
    disconnect()


@pytest.fixture
def mira(watched: AtsDatabase) -> Any:
    return Candidate.objects.create(name="Mira", reference="4711")


def _kinds(database: AtsDatabase) -> list[str]:
    return [row[1] for row in database.recorded()]


@pytest.mark.parametrize("database", ["postgresql", "mysql", "sqlite"], indirect=True)
def test_saving_another_stage_is_recorded_in_its_transaction(watched: AtsDatabase, mira: Any) -> None:
    """spec R29, R34"""
    with suppress(Rollback), transaction.atomic():
        mira.stage = "declined"
        mira.save()
        raise Rollback
    assert _kinds(watched) == []
    for stage in ("screening", "declined", "interview", "declined", "screening", "declined", "left", "new"):
        with transaction.atomic():
            fresh = Candidate.objects.get()
            fresh.stage = stage
            fresh.save(update_fields=["stage"])
            fresh.save()
    assert _kinds(watched) == [
        "viewed", "rejected", "unrejected", "rejected", "unrejected", "viewed", "rejected", "candidate_withdrew",
    ]  # fmt: skip


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_save_that_writes_no_stage_records_none(watched: AtsDatabase, mira: Any) -> None:
    mira.stage = "declined"
    mira.save(update_fields=["name"])
    deferred = Candidate.objects.only("name").get()
    deferred.name = "Mira Okafor"
    deferred.save()
    assert _kinds(watched) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_save_outside_a_transaction_is_refused_before_anything_is_written(watched: AtsDatabase, mira: Any) -> None:
    mira.stage = "declined"
    with pytest.raises(transaction.TransactionManagementError, match=r"inside transaction\.atomic\(\)"):
        mira.save()
    assert Candidate.objects.get().stage == "new"
    assert _kinds(watched) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_what_sends_no_signal_is_not_seen(watched: AtsDatabase, mira: Any) -> None:
    """The blind spots that the documentation names: whoever uses these calls `ats.record` beside them."""
    with transaction.atomic():
        Candidate.objects.update(stage="declined")
        mira.stage = "left"
        Candidate.objects.bulk_update([mira], ["stage"])
        Candidate.objects.bulk_create([Candidate(name="Jonas", reference="4712", stage="declined")])
        with connection.cursor() as cursor:
            cursor.execute("UPDATE shop_candidate SET stage = 'duplicate'")
    assert _kinds(watched) == []


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_stage_that_only_the_database_knows_is_refused(watched: AtsDatabase, mira: Any) -> None:
    mira.stage = models.Value("declined")
    with pytest.raises(ats.RecordError, match="stage is set to an expression: set the value"), transaction.atomic():
        mira.save()
    assert _kinds(watched) == []


def test_a_stage_that_is_no_activity_is_refused_where_it_is_connected() -> None:
    with pytest.raises(ats.RecordError, match=r"stages says 'hired' of 'joined': give one of viewed, .*, or nothing"):
        signals.connect(Candidate, stage_field="stage", stages={"joined": "hired"})


def test_recording_from_django_loads_the_app_only_where_it_is_named() -> None:
    code = (
        "import sys, unghost.ats; print(*[name for name in sys.modules if 'integrations' in name or 'django' in name])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment(), check=True)
    assert done.stdout.split() == []
