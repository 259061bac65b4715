# SPDX-License-Identifier: Apache-2.0
"""The addresses that jitd-outside may connect to: those that are listed, or, without a list, those of the public Internet.

Law: pure. An address is judged as the host would reach it: an IPv4-mapped IPv6 address is that IPv4 address. What is not known
to be public is not public.
Sources: the IANA registries of special-purpose IPv4 and IPv6 addresses (RFC 6890); the documents of clouds for the addresses of
their metadata services.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

PUBLIC_6 = IPv6Network("2000::/3")
"""The part of IPv6 from which public addresses are given out."""
SPECIAL: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # private
        "100.64.0.0/10",  # shared by carriers; one cloud's metadata, 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # one cloud's own services for its guests
        "169.254.0.0/16",  # link-local; most clouds' metadata, 169.254.169.254
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",  # multicast, reserved, broadcast
        "2001::/23", "2001:db8::/32", "3fff::/20",  # protocols (Teredo is one of them), documentation
        "2002::/16",  # 6to4: an IPv4 address within, which may be any
    )
)  # fmt: skip
"""What is not public, within IPv4 and within PUBLIC_6."""


def read_network(text: str) -> IPv4Network | IPv6Network:
    """Return the network or single address ``text``. Raises ValueError."""
    return ip_network(text)


def may_connect(address: str, listed: tuple[str, ...]) -> bool:
    """True if jitd-outside may connect to ``address``: it is in one of the networks ``listed``, or, if none is listed, public."""
    try:
        found = _unmapped(ip_address(address.partition("%")[0]))  # without the scope of a link-local address
    except ValueError:
        return False
    if listed:
        return any(found in network for network in map(read_network, listed))
    return _is_public(found)


def _unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def _is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address) and address not in PUBLIC_6:
        return False
    return not any(address in network for network in SPECIAL)
