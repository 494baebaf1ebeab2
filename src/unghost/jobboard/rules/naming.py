"""Which names of applicants may stand in a mail: anyone can type one beside anybody's address (spec R28). Pure."""

from __future__ import annotations

import unicodedata

#: They join or part letters, in Persian and in Indic scripts.
_JOINERS = "\u200c\u200d"
_ADDRESSES = ("://", "www.")


def unfit(name: str) -> str | None:
    """What is wrong with an applicant's name, as the end of a sentence; None: nothing."""
    if any(unicodedata.category(sign) == "Cf" and sign not in _JOINERS for sign in name):
        return "has an invisible character that changes how text is shown; want a name without it"
    if not any(unicodedata.category(sign)[0] in "LN" for sign in name):
        return "has no letter and no digit; want a name"
    if any(mark in name.lower() for mark in _ADDRESSES):
        return "has a web address in it; want a name"
    return None
