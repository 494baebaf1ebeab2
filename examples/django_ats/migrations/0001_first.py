"""Candidates."""

from __future__ import annotations

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    """The first."""

    initial = True

    operations = (
        migrations.CreateModel(
            name="Candidate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=200)),
                ("email", models.CharField(blank=True, max_length=320)),
                ("phone", models.CharField(blank=True, max_length=60)),
                ("job", models.CharField(blank=True, max_length=200)),
                ("source", models.CharField(max_length=60)),
                (
                    "stage",
                    models.CharField(
                        choices=[("review", "In review"), ("rejected", "Rejected"), ("withdrawn", "Withdrawn")],
                        default="review",
                        max_length=20,
                    ),
                ),
                ("applied_at", models.DateTimeField(default=django.utils.timezone.now)),
                ("resume_url", models.TextField(blank=True)),
                ("resume_name", models.CharField(blank=True, max_length=255)),
                ("resume_type", models.CharField(blank=True, max_length=100)),
                ("resume", models.BinaryField(null=True)),
            ],
            options={
                "ordering": ("-applied_at", "-id"),
            },
        ),
    )
