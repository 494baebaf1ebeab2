"""Somebody applies in a sandbox with the example ATS, and somebody recruits at the ATS's pages."""

from __future__ import annotations

import re
import uuid
from typing import NamedTuple

import requests

from tests.journeys.winding import Sandbox


class Applicant(NamedTuple):
    """Somebody who has applied, and their application."""

    name: str
    email: str
    urn: str


def apply(sandbox: Sandbox) -> Applicant:
    """Somebody applies for a job of the story, and the ATS is told."""
    name = f"Kim {uuid.uuid4().hex[:8]}"
    email = f"{name.replace(' ', '.').lower()}@example.org"
    sandbox.board("PUT", f"applicants/{name[4:]}", {"email": email, "name": name})
    job = {"organization": sandbox.line["organization"], "externalId": "HP-214"}
    made = sandbox.board("POST", "applications", {"job": job, "applicant": name[4:]})
    sandbox.told("POST", "settle")
    return Applicant(name, email, made["jobApplicationId"])


class Recruiter:
    """Somebody at the ATS's pages."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.url, self.session = sandbox.line["ats_url"], requests.Session()

    def candidates(self) -> dict[str, str]:
        """Their numbers in the ATS, by name."""
        listed = re.findall(r'<a href="/candidates/([0-9]+)">([^<]+)</a>', self.session.get(self.url, timeout=10).text)
        return {name: number for number, name in listed}

    def reject(self, name: str) -> None:
        """A click in the list."""
        page = self.session.get(self.url, timeout=10).text
        token = re.search(r'name="token" value="([^"]+)"', page)
        assert token
        form = {"token": token[1], "id": self.candidates()[name]}
        assert self.session.post(f"{self.url}acts/reject", data=form, timeout=10).status_code == 200
