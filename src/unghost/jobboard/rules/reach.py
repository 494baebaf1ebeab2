"""Which partners' URLs the board may call: https to public addresses, nothing else (spec R28, SSRF). Pure.

An address is judged after the name is resolved, and the connection goes to the address that was judged.
`networks` are those that an operator allows in spite of being private; only there http will do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

Network = IPv4Network | IPv6Network

LONGEST_URL = 2000
_PORTS = {"http": 80, "https": 443}
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?")

#: Special purposes (IANA's registries), multicast, and what clouds put metadata on beside the link-local 169.254.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4", "168.63.129.16/32",
    )
)  # fmt: skip
#: Of version 6 only global unicast is public, without protocol assignments (Teredo among them), documentation and 6to4.
#: IPv4-mapped and NAT64 addresses, loopback, unique local and link-local ones and multicast lie outside of it.
_GLOBAL_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


class Forbidden(Exception):
    """The board may not call it. The message is one sentence with the remedy."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL taken apart. `path` has the query too; `host` has no brackets."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """What the Host header says."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def target(url: str, networks: Sequence[Network] = ()) -> Target:
    """Take a URL apart and judge what can be judged without resolving its name. Raises `Forbidden`.

    Whoever stores a URL calls this first; an address that stands in it is judged at once.
    """
    if len(url) > LONGEST_URL:
        raise Forbidden(f"the URL has {len(url)} characters: give one of at most {LONGEST_URL}")
    if not re.fullmatch(r"[!-\[\]-~]+", url):
        raise Forbidden("the URL has blanks, a backslash or characters beyond ASCII: escape them")
    try:
        parts = urlsplit(url)
        scheme, host, port = parts.scheme, parts.hostname, parts.port
        literal = None if host is None else _literal(host)
    except ValueError:
        raise Forbidden("the URL cannot be read: give one such as https://ats.example/applications") from None
    if not url.startswith(("https://", "http://")) or (scheme == "http" and not networks):
        raise Forbidden("the URL does not begin with https://: give one that does")
    if parts.username is not None or parts.password is not None:
        raise Forbidden("the URL holds a user name or password: leave it out, deliveries are signed")
    if parts.fragment or "#" in url:
        raise Forbidden("the URL has a fragment: leave out what begins with #")
    if not host or (literal is None and not _HOST_NAME.fullmatch(host)) or port == 0:
        raise Forbidden("the URL names no host: give one such as https://ats.example/applications")
    found = Target(
        scheme, host, port or _PORTS[scheme], (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    )
    if literal is not None and (wrong := objection(found, host, networks)):
        raise Forbidden(wrong)
    return found


def _literal(host: str) -> IPv4Address | IPv6Address | None:
    """The address that stands in a URL; None: it is a name. Raises `ValueError` for one that names an interface."""
    if ":" in host:
        address = IPv6Address(host)
        if address.scope_id:
            raise ValueError(host)
        return address
    try:
        return IPv4Address(host)
    except ValueError:
        return None


def objection(target: Target, address: str, networks: Sequence[Network]) -> str | None:
    """Why the board may not connect to this address of the target; None: it may."""
    try:
        judged = ip_address(address)
    except ValueError:
        return f"{target.host} has the address {address}, which is none: give a host with a public address"
    if any(judged.version == network.version and judged in network for network in networks):
        return None
    if not _public(judged):
        return (
            f"{target.host} has the address {address}, which is not public: give a host on the public internet, or let "
            "the operator allow its network by UNGHOST_WEBHOOK_NETWORKS"
        )
    if target.scheme != "https":
        return f"{target.host} is on the public internet: give a URL that begins with https://"
    return None


def _public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if address.scope_id or address not in _GLOBAL_6:
        return False
    return not any(address in network for network in _NOT_PUBLIC_6)
