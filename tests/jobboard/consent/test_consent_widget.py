"""The widget and the board's own consent page over HTTP: what is served, saved and refused (spec R15, R24, R26)."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from tests.jobboard.consent.conftest import ATS
from tests.jobboard.consent.stand import HANNA, HARBOUR, QUARRY, QUENTIN, YARDS, Stand, fields, standing
from unghost.jobboard.rules.policy import Place


def _save(
    client: httpx2.Client, path: str, page: str, *, ticked: bool = True, other: dict[str, str] | None = None
) -> httpx2.Response:
    form = {**fields(page), **({"ticked": "on"} if ticked else {}), **(other or {})}
    return client.post(path.partition("?")[0], data=form, headers={"Accept": "application/json"})


def test_the_box_is_unticked_until_a_person_ticks_it(stand: Stand) -> None:
    """Spec R15, R26."""
    with stand.browser() as client:
        page = client.get(stand.frame_path()).text
    box = re.search(r'<input type="checkbox"[^>]*>', page)
    assert box and "checked" not in box[0]
    assert f'<label for="ticked-{HARBOUR}">Applicant notifications</label>' in page
    assert "Harbour &amp; Pine" in page and "Tern for Harbour &amp; Pine" in page and "Tern Software" in page


def test_the_page_says_what_ticking_does_from_the_policy_itself(stand: Stand) -> None:
    """Spec R13, R26: the actions, their places and the 72 hours of a rejection."""
    with stand.browser() as client:
        english = client.get(stand.frame_path()).text
        german = client.get(stand.frame_path(), headers={"Accept-Language": "de-AT,en;q=0.5"}).text
        stand.sql(
            """UPDATE jobboard.customer SET holds = '{"APPLICATION_REJECTED": 432000}' WHERE organization = %s""",
            HARBOUR,
        )
        own_hold = client.get(stand.frame_path()).text
    assert "by e-mail, beside the job, and in My jobs, as soon as it is reported" in english
    assert "by e-mail, 72 hours after it is reported" in english
    assert '<html lang="de"' in german and "72 Stunden nach der Meldung" in german
    assert "120 hours after it is reported" in own_hold
    assert fields(english)["wording"] != fields(own_hold)["wording"]


def test_saving_ticks_the_box_writes_the_ledger_and_answers_the_integration_context(stand: Stand) -> None:
    """Spec R26."""
    with stand.browser() as client:
        page = client.get(stand.frame_path()).text
        first = _save(client, "/consent/widget", page).json()
        again = _save(client, "/consent/widget", page).json()
        unticked = _save(client, "/consent/widget", page, ticked=False).json()
    assert first["integrations"] == [
        {
            "integrationContext": f"urn:li:organization:{HARBOUR}",
            "integrationType": "APPLY_CONNECT",
            "integrationName": "Tern for Harbour & Pine",
            "applicantNotifications": True,
        }
    ]
    assert first["said"] == "Saved. Applicants of Harbour & Pine will be told from now on."
    assert again["said"].startswith("Nothing to change")
    assert unticked["integrations"][0]["applicantNotifications"] is False
    version = fields(page)["wording"]
    assert re.fullmatch(r"en-[0-9a-f]{12}", version)
    assert stand.ledger() == [(True, HANNA, ATS, version), (False, HANNA, ATS, version)]
    assert not stand.ticked()


def test_only_the_allowed_origins_may_embed_the_frame(stand: Stand) -> None:
    """Spec R26. What stands in the list but is no origin cannot reach the header."""
    stand.sql(
        "UPDATE jobboard.oauth_application SET allowed_origins = %s WHERE client_id = %s",
        [ATS, "HTTPS://Second.example/", "https://x.example; script-src *", "*", "https://*.example", "a\r\nb"],
        stand.client_id,
    )
    with stand.browser() as client:
        for path in (stand.frame_path(), stand.frame_path(origin="https://second.example")):
            answer = client.get(path)
            assert answer.status_code == 200
            policy = answer.headers["content-security-policy"]
            assert policy.endswith("frame-ancestors https://ats.example https://second.example")
            assert "x-frame-options" not in answer.headers
        assert "frame-ancestors 'none'" in client.get("/admin/consent").headers["content-security-policy"]


def test_a_foreign_origin_gets_a_harmless_page_that_names_the_remedy(stand: Stand) -> None:
    """Spec R26."""
    with stand.browser() as client:
        page = client.get(stand.frame_path()).text
        for origin in ("https://evil.example", "null", "", "https://ats.example.evil.example", "a'\"<>"):
            answer = client.get(stand.frame_path(origin=origin))
            assert answer.status_code == 403
            assert "<form" not in answer.text
            assert HANNA not in answer.text and "Harbour" not in answer.text
            assert "is not among the allowed origins of the child application" in answer.text
            assert _save(client, "/consent/widget", page, other={"origin": origin}).status_code == 403
    assert stand.ledger() == []


def test_an_unknown_client_id_gets_a_harmless_page_that_names_the_remedy(stand: Stand) -> None:
    """Spec R26. A partner's own client id is none of a child application."""
    with stand.browser() as client:
        for client_id in ("", "unknown", "\x00", "é" * 300, "'; DROP TABLE", stand.partner_client_id):
            answer = client.get(stand.frame_path(client_id=client_id))
            assert answer.status_code == 404
            assert "no child application has the client id" in answer.text
        assert client.get("/admin/consent?client_id=%00").status_code == 404


@pytest.mark.parametrize("whose", ["client_id", "partner_client_id"])
def test_a_revoked_integration_is_not_served_and_not_saved(stand: Stand, whose: str) -> None:
    """Spec R26: its own revocation and its partner's."""
    with stand.browser() as client:
        page = client.get(stand.frame_path()).text
        stand.sql(
            "UPDATE jobboard.oauth_application SET revoked_at = now() WHERE client_id = %s", getattr(stand, whose)
        )
        for path in (stand.frame_path(), f"/admin/consent?client_id={stand.client_id}"):
            answer = client.get(path)
            assert answer.status_code == 403 and "has been revoked" in answer.text
        assert _save(client, "/consent/widget", page).status_code == 403
    assert not stand.ticked()


def test_an_admin_of_another_customer_is_refused(stand: Stand) -> None:
    """Spec R24: neither the customer's name nor its box is shown."""
    with stand.browser() as hanna, stand.browser(QUENTIN) as quentin:
        page = hanna.get(stand.frame_path()).text
        answer = quentin.get(stand.frame_path())
        assert answer.status_code == 403 and "does not administer" in answer.text
        assert "Harbour" not in answer.text
        assert _save(quentin, "/consent/widget", page).status_code == 403
        own = quentin.get("/admin/consent").text
        assert "Quarry Labs" in own and "Harbour" not in own
        # With his own token, for her customer; and with his own customer, for her integration.
        assert _save(quentin, "/admin/consent", own, other={"organization": str(HARBOUR)}).status_code == 403
        assert _save(quentin, "/consent/widget", page, other={"organization": str(QUARRY)}).status_code == 403
    assert not stand.ticked() and stand.ledger() == []


def test_an_admin_whose_row_was_taken_away_is_signed_out(stand: Stand) -> None:
    """Spec R24."""
    with stand.browser() as client:
        page = client.get(stand.frame_path()).text
        stand.sql("DELETE FROM jobboard.customer_admin WHERE email = %s", HANNA)
        assert "Open in a new window" in client.get(stand.frame_path()).text
        answer = _save(client, "/consent/widget", page)
    assert answer.status_code == 403 and "not signed in any more" in answer.json()["refused"]


def test_a_form_that_another_site_sends_is_refused(stand: Stand) -> None:
    """Spec R26: guarded by the Origin, for the cookie comes along in other sites' frames."""
    with stand.browser() as client:
        form = {**fields(client.get(stand.frame_path()).text), "ticked": "on"}
        for origin in ("https://evil.example", "null", ATS, "http://["):
            for path in ("/consent/widget", "/admin/consent", "/admin/sign-in", "/admin/sign-out", "/admin/session"):
                assert client.post(path, data=form, headers={"Origin": origin}).status_code == 403
    assert not stand.ticked()


def test_a_forms_token_vouches_for_session_place_customer_and_wording(stand: Stand) -> None:
    """Spec R26: the ledger names the wording that was shown, whatever the form claims."""
    with stand.browser() as client, stand.browser() as same_person:
        page = client.get(stand.frame_path()).text
        stand.clock.ahead += timedelta(minutes=1)
        later = same_person.get(same_person.get(stand.login_url()).headers["location"])
        assert later.status_code == 200
        for field, value in (("token", ""), ("token", "é"), ("wording", "en-000000000000"), ("wording", "")):
            assert _save(client, "/consent/widget", page, other={field: value}).status_code == 403
        assert _save(client, "/consent/widget", page, other={"organization": str(YARDS)}).status_code == 403
        assert _save(client, "/admin/consent", page).status_code == 403
        assert _save(same_person, "/consent/widget", page).status_code == 403
        assert stand.ledger() == []
        assert _save(client, "/consent/widget", page).status_code == 200


def test_a_malformed_form_is_refused_and_never_a_fault(stand: Stand) -> None:
    """Spec R26."""
    bodies = (b"\xff\xfe", b"a=1&" * 60, b"x" * 200_000, b"token=%00", b"", b"organization=" + b"9" * 400)
    with stand.browser() as client:
        for path in ("/consent/widget", "/admin/consent", "/admin/sign-in", "/admin/sign-out", "/admin/session"):
            for body in bodies:
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                assert client.post(path, content=body, headers=headers).status_code < 500
            assert client.post(path, content=b"{", headers={"Content-Type": "multipart/form-data"}).status_code < 500
    assert stand.ledger() == []


def test_the_first_save_gives_an_integration_its_customer(stand: Stand) -> None:
    """Spec R26: also when the box stays unticked, which is no change for the ledger."""
    stand.sql("DELETE FROM jobboard.customer_admin WHERE email = %s AND organization = %s", HANNA, HARBOUR)
    with stand.browser() as client:
        page = client.get(stand.frame_path(stand.free_client_id)).text
        assert "Saving connects Tern, new customer with Yards of Pine." in page
        answer = _save(client, "/consent/widget", page, ticked=False).json()
        after = client.get(stand.frame_path(stand.free_client_id)).text
    assert answer["integrations"][0]["integrationContext"] == f"urn:li:organization:{YARDS}"
    assert "Saving connects" not in after
    assert stand.ledger(YARDS) == []


def test_an_admin_of_several_customers_chooses_one_that_has_no_integration_of_this_partner(stand: Stand) -> None:
    """Spec R26. The box shown afterwards is that of the customer chosen."""
    stand.sql(
        "INSERT INTO jobboard.customer_admin (organization, email, created_at) VALUES (%s, %s, now())", QUARRY, HANNA
    )
    stand.sql("UPDATE jobboard.customer SET applicant_notifications = true WHERE organization = %s", QUARRY)
    path = stand.frame_path(stand.free_client_id)
    with stand.browser() as client:
        choice = client.get(path).text
        assert re.findall(r'type="radio"[^>]*value="(\d+)"', choice) == [str(QUARRY), str(YARDS)]
        assert 'class="consent"' not in choice
        page = client.get(f"{path}&organization={QUARRY}").text
        assert re.search(r'<input type="checkbox"[^>]* checked>', page)
        assert 'class="consent"' not in client.get(f"{path}&organization={HARBOUR}").text
        assert _save(client, "/consent/widget", page).status_code == 200
    [(organization,)] = stand.sql(
        "SELECT organization FROM jobboard.oauth_application WHERE client_id = %s", stand.free_client_id
    )
    assert organization == QUARRY


def test_an_integration_connected_by_somebody_else_meanwhile_is_not_connected_again(stand: Stand) -> None:
    """Spec R26: nothing is changed for the one who comes second."""
    with stand.browser() as hanna, stand.browser(QUENTIN) as quentin:
        path = stand.frame_path(stand.free_client_id)
        his = quentin.get(path).text
        hers = hanna.get(f"{path}&organization={YARDS}").text
        assert _save(hanna, "/consent/widget", hers).status_code == 200
        answer = _save(quentin, "/consent/widget", his)
    assert answer.status_code == 409 and "connected otherwise" in answer.json()["refused"]
    assert not stand.ticked(QUARRY) and stand.ticked(YARDS)


def test_an_admin_with_no_customer_left_to_connect_is_told_so(stand: Stand) -> None:
    """Spec R26."""
    stand.sql("DELETE FROM jobboard.customer_admin WHERE organization = %s", YARDS)
    with stand.browser() as client:
        answer = client.get(stand.frame_path(stand.free_client_id))
    assert answer.status_code == 403 and "no organisation left" in answer.text


def test_the_boards_own_page_works_without_javascript_and_shows_the_ledger(stand: Stand) -> None:
    """Spec R26: all customers of the admin, their integrations, and who changed the box when, from where."""
    with stand.browser() as client:
        page = client.get("/admin/consent").text
        assert "Harbour &amp; Pine" in page and "Yards of Pine" in page and "Quarry" not in page
        assert "Tern for Harbour &amp; Pine, by Tern Software" in page
        form = {**fields(page), "ticked": "on"}
        assert form["organization"] == str(HARBOUR)
        answer = client.post("/admin/consent", data=form)
        assert answer.status_code == 303
        after = client.get(answer.headers["location"]).text
    assert re.search(r'role="status"[^>]*>Saved\.<', after)
    assert HANNA in after and stand.url in after and fields(page)["wording"] in after
    assert stand.ledger() == [(True, HANNA, stand.url, fields(page)["wording"])]


def test_the_script_may_be_included_from_any_page(stand: Stand) -> None:
    """Spec R26."""
    with stand.browser(None) as client:
        answer = client.get("/consent/widget.js")
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"


def test_an_action_that_this_deployment_tells_nowhere_is_not_promised(database_url: str, tmp_path: Path) -> None:
    """Spec R13, R26."""
    nowhere: dict[str, tuple[Place, ...]] = {"RESUME_DOWNLOADED": ()}
    with standing(database_url, tmp_path, ATS, policy_places=nowhere) as stand, stand.browser() as client:
        page = client.get(stand.frame_path()).text
    assert re.findall(r"<dt>([^<]*)</dt><dd>(?:by|beside)", page) == ["Viewed", "Not selected"]
