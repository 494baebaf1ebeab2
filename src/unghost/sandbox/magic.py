"""Magic values: application numbers and addresses that mean a fault, so that a test needs no set-up (spec R37).

Pure. They are rules like others, and come after those that somebody gave.
"""

from __future__ import annotations

from unghost.sandbox.rules import Rule, What, When

#: What an application's number ends with -> what happens to reports of it.
_ENDINGS = {
    "001": ("the line is cut before the report is read", What(cut="before")),
    "002": ("the line is cut after the report was stored", What(cut="after")),
    "003": ("the answer comes after three seconds", What(latency="3s")),
    "004": ("the answer comes a byte at a time", What(drip="10ms")),
    "401": ("the token expires before the report is read", What(token="expired")),  # noqa: S106
    "429": ("too many calls, for two seconds", What(status=429, headers={"Retry-After": "2"})),
    "500": ("an error of the board's own", What(status=500)),
    "503": ("overloaded, for a second", What(status=503, headers={"Retry-After": "1"})),
    "600": ("the customer's consent is withdrawn first", What(consent="off")),
}
_ALWAYS, _ONCE = "9900", "9901"

#: What the part before the @ says -> what the inbox does with mails to it.
ADDRESSES = {
    "temperror": ("every mail is put off", What(answer="451 4.3.0 try again later"), None),
    "temperror-once": ("the first mail is put off", What(answer="451 4.3.0 try again later"), 1),
    "permerror": ("there is no such address", What(answer="550 5.1.1 no such mailbox"), None),
    "slow": ("the answer to a mail comes after three seconds", What(latency="3s"), None),
    "cut-once": ("the first mail is kept, and the line is cut before that is answered", What(cut="after"), 1),
}

#: Application number -> what it means.
APPLICATIONS = {_ALWAYS + end: f"{said}, always" for end, (said, _) in _ENDINGS.items()} | {
    _ONCE + end: f"{said}, the first time" for end, (said, _) in _ENDINGS.items()
}


def rules() -> list[Rule]:
    """The magic values as rules."""
    found = [
        Rule(name=f"magic {begin}{end}", when=When(application=begin + end), what=what, times=times)
        for end, (_, what) in _ENDINGS.items()
        for begin, times in ((_ALWAYS, None), (_ONCE, 1))
    ]
    found += [
        Rule(name=f"magic {name}@", when=When(smtp="data", to=f"{name}@"), what=what, times=times)
        for name, (_, what, times) in ADDRESSES.items()
    ]
    return found


def unknown(application: str) -> str | None:
    """The sentence for a number that looks magic and is none."""
    if len(application) != 7 or not application.startswith((_ALWAYS, _ONCE)):
        return None
    if application in APPLICATIONS:
        return None
    return f"{application} looks like a magic application number and is none: they end with {', '.join(_ENDINGS)}"
