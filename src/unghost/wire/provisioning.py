"""What a partner sends to provision a child application, to change one, and to name an integration (spec R25).

Pure. Field names and limits are LinkedIn's; what it leaves open is as lenient as its own clients need.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from msgspec import Struct

from unghost.wire import keys, urn
from unghost.wire.fields import Fields, Unfit, or_refused, text, url
from unghost.wire.refusals import Refusal, Refused, shown

LONGEST_NAME, LONGEST_ID, LONGEST_DESCRIPTION, MOST_ADDRESSES = 50, 200, 1000, 50
#: What an integration is besides its customer: the one kind that this wire knows.
KIND: Mapping[str, str] = {"integrationType": "APPLY_CONNECT", "tenantType": "JOBS", "dataProvider": "ATS"}

_ORIGIN = re.compile(r"https?://(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")
_OBJECT = "a JSON object with uniqueForeignId, name and description"
_PATCH = '{"patch": {"$set": {…}}}'


class ChildApplication(Struct, frozen=True):
    """A child application as its partner describes it; `origins` may embed the onboarding widget."""

    unique_foreign_id: str
    name: str
    description: str
    callback_urls: tuple[str, ...]
    origins: tuple[str, ...]


class Change(Struct, frozen=True):
    """What is set anew of a child application; None stays."""

    name: str | None
    description: str | None
    callback_urls: tuple[str, ...] | None
    origins: tuple[str, ...] | None


class IntegrationKey(Struct, frozen=True):
    """One integration: that with this customer."""

    organization: int

    def written(self, protocol: str) -> str:
        """As a body of this protocol version has it."""
        return keys.written(self.fields(), protocol)

    def fields(self) -> dict[str, str]:
        """By the names that the wire has for it."""
        return {"integrationContext": urn.write(urn.ORGANIZATION, self.organization), **KIND}


def child_application(body: object) -> ChildApplication | Refused:
    """Read the body of a create."""

    def read() -> ChildApplication:
        given = Fields(body, _OBJECT)
        foreign = given.needed("uniqueForeignId", LONGEST_ID)
        name = _name(given)
        if name is None:
            raise Unfit(Refusal.MISSING_FIELD, "name is missing; want text such as Your ATS - Customer")
        description = given.needed("description", LONGEST_DESCRIPTION, lines=True)
        return ChildApplication(foreign, name, description, _callbacks(given) or (), _origins(given) or ())

    return or_refused(read)


def change(body: object) -> Change | Refused:
    """Read the body of a partial update."""

    def read() -> Change:
        patch = Fields(body, _PATCH).within("patch", _PATCH)
        given = patch and patch.within("$set", _PATCH)
        if patch is None or given is None:
            raise Unfit(Refusal.MISSING_FIELD, f"patch.$set is missing; want {_PATCH}")
        if patch.has("$delete"):
            raise Unfit(Refusal.BAD_VALUE, "patch.$delete is not known here; want the new values in patch.$set")
        if given.has("uniqueForeignId"):
            raise Unfit(Refusal.BAD_VALUE, "patch.$set.uniqueForeignId cannot be changed; provision another one")
        description = given.text("description", LONGEST_DESCRIPTION, lines=True)
        return Change(_name(given), description, _callbacks(given), _origins(given))

    return or_refused(read)


def integration_keys(query: str) -> list[IntegrationKey] | Refused:
    """The integrations that a query names by `ids`."""
    return or_refused(lambda: [_integration(key) for key in keys.compound(query)])


def integration_names(body: object) -> dict[IntegrationKey, str] | Refused:
    """Read the body of a batch_partial_update: what each integration is called from now on."""

    def read() -> dict[IntegrationKey, str]:
        wanted = '{"entities": {key: {"patch": {"$set": {"integrationName": …}}}}}'
        entities = Fields(body, wanted).within("entities", wanted)
        if entities is None:
            raise Unfit(Refusal.MISSING_FIELD, f"entities is missing; want {wanted}")
        found: dict[IntegrationKey, str] = {}
        for key in entities.names():
            patch = Fields(entities.value(key), _PATCH, "entity.").within("patch", _PATCH)
            given = patch and patch.within("$set", _PATCH)
            if given is None:
                raise Unfit(Refusal.MISSING_FIELD, f"entity.patch.$set is missing; want {wanted}")
            found[_integration(keys.of_body(key))] = given.needed("integrationName", LONGEST_ID)
        return found

    return or_refused(read)


def _integration(key: dict[str, str]) -> IntegrationKey:
    context = key.get("integrationContext")
    if context is None:
        raise Unfit(Refusal.MISSING_FIELD, "integrationContext is missing from a key; want urn:li:organization:N")
    for field, value in KIND.items():
        if key.get(field, value) != value:
            raise Unfit(Refusal.BAD_VALUE, f"{field} is {shown(key[field])}; want {value}, the one that is known here")
    return IntegrationKey(organization(context))


def organization(given: str, name: str = "integrationContext") -> int:
    """The number of an organization's URN. Raises `Unfit`."""
    try:
        return urn.read(urn.ORGANIZATION, given)
    except ValueError as error:
        raise Unfit(Refusal.BAD_URN, f"{name} is {shown(given)}; {error}") from None


def _name(given: Fields) -> str | None:
    found = given.text("name", LONGEST_NAME)
    if found is not None and "linkedin" in found.lower():
        raise Unfit(Refusal.BAD_VALUE, f'{given.name("name")} has "LinkedIn" in it; want a name without it')
    return found


def _callbacks(given: Fields) -> tuple[str, ...] | None:
    field = "oauth2AuthorizedCallbackUrls"
    found = given.texts(field, MOST_ADDRESSES, 2000)
    return found and tuple(url(f"{given.name(field)}[{nth}]", each) for nth, each in enumerate(found))


def _origins(given: Fields) -> tuple[str, ...] | None:
    field = "validJsSdkDomains"
    found = given.texts(field, MOST_ADDRESSES, 300)
    for nth, each in enumerate(found or ()):
        if not _ORIGIN.fullmatch(each.lower()):
            raise Unfit(
                Refusal.BAD_VALUE,
                f"{given.name(field)}[{nth}] is {shown(each)}; want an origin such as https://ats.example, "
                "without a path or a slash at the end",
            )
    return found and tuple(dict.fromkeys(each.lower() for each in found))


def foreign_id(given: str | None) -> str | Refused:
    """A uniqueForeignId as the finder is given it."""
    if given is None:
        return Refused(Refusal.MISSING_FIELD, "uniqueForeignId is missing from the query; want the one of the create")
    return or_refused(lambda: text("uniqueForeignId", given, LONGEST_ID))
