"""Settings are read strictly: whatever cannot be used is one sentence that names it and the remedy (spec R2, R13)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from unghost.jobboard.rules.policy import DOWNLOADED, REJECTED, Place
from unghost.jobboard.settings import Settings, SettingsError, load


def test_without_any_setting_there_is_a_default_for_everything() -> None:
    assert load({"PATH": "/bin"}) == Settings()


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("UNGHOST_SMTP", "smtp://localhost", "is not a setting"),
        ("UNGHOST_DATABASE_URL", "mysql://localhost/x", "postgresql://"),
        ("UNGHOST_BASE_URL", "jobs.example", "https://jobs.example"),
        ("UNGHOST_BASE_URL", "https://jobs.example?x=1", "https://jobs.example"),
        ("UNGHOST_SMTP_URL", "localhost:25", "smtp://host:25"),
        ("UNGHOST_SMTP_URL", "smtp://localhost:abc", "smtp://host:25"),
        ("UNGHOST_QUEUE_LIMIT", "0", "1 or more"),
        ("UNGHOST_QUEUE_LIMIT", "\u0661", "whole number"),
        ("UNGHOST_RATE_PER_SECOND", "100001", "100000 at most"),
        ("UNGHOST_RATE_BURST", "50", "UNGHOST_RATE_PER_SECOND"),
        ("UNGHOST_DAILY_QUOTA", "0", "1 or more"),
        ("UNGHOST_LEASE", "60", "such as 72h"),
        ("UNGHOST_CONTRACT", "2025", "seed and 2024-05"),
        ("UNGHOST_POLICY_HOLDS", "REJECTED=1h", "APPLICATION_REJECTED"),
        ("UNGHOST_POLICY_HOLDS", "APPLICATION_REJECTED", "ACTION=value"),
        ("UNGHOST_POLICY_PLACES", "RESUME_DOWNLOADED=FAX", "EMAIL, JOB_POSTING, MY_JOBS"),
        ("UNGHOST_POLICY_ENABLED", "APPLICATION_LOST", "APPLICATION_LOST"),
        ("UNGHOST_WEBHOOK_NETWORKS", "10.0.0.1/8", "such as 10.20.0.0/16"),
        ("UNGHOST_WEBHOOK_NETWORKS", "10.0.0.0/8,private", "such as 10.20.0.0/16"),
        ("UNGHOST_STATUS_ORIGINS", "*", "such as https://jobs.example"),
        ("UNGHOST_STATUS_ORIGINS", "https://*.example", "without a wildcard"),
        ("UNGHOST_STATUS_ORIGINS", "https://a.example, b.example", "has 'b.example'"),
        ("UNGHOST_STATUS_ORIGINS", "https://a.example/jobs", "scheme, host and port"),
        ("UNGHOST_OPERATORS", "dana", "such as ops@jobs.example"),
        ("UNGHOST_OPERATORS", "dana@board.example,emil at board", "such as ops@jobs.example"),
        ("UNGHOST_LOG_FORMAT", "xml", "json or text"),
        ("UNGHOST_SECRET_KEY_FILE", "no-such-file", "cannot be read"),
        ("UNGHOST_BOARD_NAME", "", "empty"),
    ],
)
def test_an_unusable_setting_is_refused_by_name(variable: str, value: str, says: str) -> None:
    with pytest.raises(SettingsError, match=variable.removesuffix("ENABLED")) as refusal:
        load({variable: value})
    assert says in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_secret_can_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from a file\n")
    assert load({"UNGHOST_SECRET_KEY_FILE": str(tmp_path / "key")}).secret_key == "from a file"


def test_operators_are_known_in_any_spelling_of_upper_and_lower_case() -> None:
    """Spec R42."""
    settings = load({"UNGHOST_OPERATORS": "Dana@Board.example, emil@board.example"})
    assert settings.operators == ("dana@board.example", "emil@board.example")
    assert load(settings.environment()) == settings


def test_networks_of_webhooks_reach_the_processes_that_are_started() -> None:
    """Spec R28."""
    settings = load({"UNGHOST_WEBHOOK_NETWORKS": "127.0.0.0/8, ::1/128"})
    assert [str(network) for network in settings.webhook_networks] == ["127.0.0.0/8", "::1/128"]
    assert load(settings.environment()) == settings


def test_origins_are_kept_as_browsers_write_them() -> None:
    """Spec R23: they are compared letter by letter."""
    given = "https://Jobs.example/, https://a.example:443,http://b.example:80,https://c.example:8443, http://[::1]:8080"
    kept = (
        "https://jobs.example",
        "https://a.example",
        "http://b.example",
        "https://c.example:8443",
        "http://[::1]:8080",
    )
    settings = load({"UNGHOST_STATUS_ORIGINS": given})
    assert settings.status_origins == kept
    assert load(settings.environment()) == settings


def test_the_policy_carries_the_deployments_own_holds_places_and_kinds() -> None:
    settings = load(
        {
            "UNGHOST_POLICY_HOLDS": "APPLICATION_REJECTED=96h",
            "UNGHOST_POLICY_PLACES": "RESUME_DOWNLOADED=EMAIL+MY_JOBS",
            "UNGHOST_POLICY_ENABLED": "APPLICATION_HIRED",
        }
    )
    assert settings.policy[REJECTED].hold == timedelta(hours=96)
    assert settings.policy[DOWNLOADED].places == (Place.EMAIL, Place.MY_JOBS)
    assert settings.policy["APPLICATION_HIRED"].enabled


def test_what_a_child_process_is_given_reads_back_as_the_same_settings() -> None:
    settings = load(
        {
            "UNGHOST_DATABASE_URL": "postgresql://u:p@localhost/x",
            "UNGHOST_POLICY_HOLDS": "APPLICATION_REJECTED=3s,APPLICATION_VIEWED=1m",
            "UNGHOST_POLICY_PLACES": "RESUME_DOWNLOADED=EMAIL+MY_JOBS",
            "UNGHOST_BOARD_KEYS": "one,two",
            "UNGHOST_TOKEN_LIFE": "15m",
        }
    )
    assert load(settings.environment()) == settings


def test_a_secret_never_shows_when_settings_are_printed() -> None:
    secrets = {"UNGHOST_SECRET_KEY": "hush", "UNGHOST_SMTP_URL": "smtp://u:hush@h:25", "UNGHOST_BOARD_KEYS": "hush"}
    assert "hush" not in repr(load(secrets))
