"""From provisioning to the first report: the customer chooses a fresh child application in the widget (R25, R26)."""

from __future__ import annotations

from datetime import timedelta

import httpx2

from tests.jobboard.consent.conftest import ATS
from tests.jobboard.consent.stand import HARBOUR, YARDS, Stand, fields
from unghost.jobboard.store.access import hashed


def partners_token(stand: Stand) -> str:
    """A token of the partner's own."""
    now = stand.clock.now()
    stand.sql(
        """INSERT INTO jobboard.access_token (hash, oauth_application_id, issued_at, expires_at)
           SELECT %s, id, %s, %s FROM jobboard.oauth_application WHERE client_id = %s""",
        hashed("the partner's own"),
        now,
        now + timedelta(hours=1),
        stand.partner_client_id,
    )
    return "the partner's own"


def test_a_fresh_child_application_gets_its_customer_in_the_widget_and_may_then_report(stand: Stand) -> None:
    body = {
        "uniqueForeignId": "yards",
        "name": "Tern - Yards of Pine",
        "description": "Yards of Pine",
        "validJsSdkDomains": [ATS],
    }
    with httpx2.Client(base_url=stand.url, headers={"Authorization": f"Bearer {partners_token(stand)}"}) as partner:
        made = partner.post("/v2/provisionedApplications/", json=body)
        assert made.status_code == 201, made.text
        credentials = made.json()["credentials"]
        key = (
            f"integrationContext=urn:li:organization:{YARDS}"
            "&integrationType=APPLY_CONNECT&tenantType=JOBS&dataProvider=ATS"
        )
        named = {"entities": {key: {"patch": {"$set": {"integrationName": "Yards in Tern"}}}}}
        query = f"ids[0].integrationContext=urn:li:organization:{YARDS}"
        method = {"X-RestLi-Method": "batch_partial_update"}
        early = partner.post(f"/v2/atsIntegrations?{query}", json=named, headers=method).json()
        assert early["errors"][key]["code"] == "UNKNOWN_CHILD"

        def report() -> httpx2.Response:
            token = httpx2.post(
                f"{stand.url}/oauth/v2/accessToken", data={"grant_type": "client_credentials", **credentials}
            ).json()["access_token"]
            headers = {"Authorization": f"Bearer {token}", "X-RestLi-Method": "batch_create"}
            return httpx2.post(f"{stand.url}/v2/jobApplicationLifecycleActions", json={"elements": []}, headers=headers)

        refused = report()
        assert (refused.status_code, refused.json()["code"]) == (403, "NOT_A_CHILD_APPLICATION")

        with stand.browser() as admin:
            frame = stand.frame_path(credentials["client_id"])
            choice = admin.get(frame).text
            assert "Yards of Pine" in choice
            assert "Harbour &amp; Pine" not in choice, "the partner has another child application for it"
            saved = admin.post(
                "/consent/widget", data={**fields(choice), "ticked": "on"}, headers={"Accept": "application/json"}
            ).json()
        assert saved["integrations"] == [
            {
                "integrationContext": f"urn:li:organization:{YARDS}",
                "integrationType": "APPLY_CONNECT",
                "integrationName": "Tern - Yards of Pine",
                "applicantNotifications": True,
            }
        ]
        assert stand.ticked(YARDS) and not stand.ticked(HARBOUR)
        assert report().status_code == 200, "its customer is known at once"

        assert partner.post(f"/v2/atsIntegrations?{query}", json=named, headers=method).json()["errors"] == {}
        with stand.browser() as admin:
            assert "Yards in Tern" in admin.get(frame).text, "the name that the partner gave is what the admin reads"
