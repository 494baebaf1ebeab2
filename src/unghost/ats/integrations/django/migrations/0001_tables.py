"""The three tables, and the models by which they are read; what the models leave out of the state is not compared."""

from __future__ import annotations

from django.db import migrations, models

from unghost.ats.integrations.django.tables import CreateTables


class Migration(migrations.Migration):
    """The first."""

    initial = True

    operations = (
        CreateTables(),
        migrations.CreateModel(
            name="Activity",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("activity", models.CharField(max_length=190)),
                ("performed_at", models.BigIntegerField()),
                ("recorded_at", models.BigIntegerField(default=0)),
                ("state", models.CharField(default="waiting", max_length=190)),
                ("attempt_at", models.BigIntegerField(default=0, null=True)),
                ("attempts", models.IntegerField(default=0)),
                ("report_id", models.CharField(max_length=190, null=True)),
                ("settled_at", models.BigIntegerField(null=True)),
                ("reason", models.CharField(max_length=190, null=True)),
                ("detail", models.TextField(null=True)),
            ],
            options={
                "verbose_name_plural": "activities",
                "db_table": "unghost_activity",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Application",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("number", models.BigIntegerField()),
                ("ats_id", models.CharField(max_length=190)),
                ("source", models.CharField(default="LinkedIn apply", max_length=190)),
                ("received_at", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "unghost_application",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("destination", models.CharField(max_length=190)),
                ("organization", models.BigIntegerField()),
                ("client_id", models.CharField(max_length=190)),
                ("client_secret", models.CharField(max_length=190)),
                ("created_at", models.BigIntegerField(default=0)),
                ("access_token", models.TextField(null=True)),
                ("token_expires_at", models.BigIntegerField(null=True)),
                ("attempt_at", models.BigIntegerField(default=0)),
                ("turn", models.BigIntegerField(default=0)),
                ("failures", models.IntegerField(default=0)),
                ("trouble", models.TextField(null=True)),
                ("bucket_level", models.FloatField(null=True)),
                ("bucket_at", models.BigIntegerField(null=True)),
                ("quota_day", models.BigIntegerField(null=True)),
                ("quota_used", models.BigIntegerField(default=0)),
            ],
            options={
                "db_table": "unghost_customer",
                "managed": False,
            },
        ),
    )
