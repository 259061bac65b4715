# SPDX-License-Identifier: Apache-2.0
"""Decides to which addresses jitd-outside may connect. If the settings list networks, only addresses in these networks are
allowed. If no networks are listed, only addresses of the public Internet are allowed.
Law: the check uses the address that the host would really connect to. For example, an IPv4-mapped IPv6 address is treated as the
IPv4 address. Only an address that is known to be public is treated as public. Sources: the IANA registries of special-purpose
IPv4 and IPv6 addresses (RFC 6890); the documents of cloud providers for the addresses of their metadata services.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

PUBLIC_6 = IPv6Network("2000::/3")  # the part of IPv6 from which public addresses are assigned
SPECIAL: tuple[IPv4Network | IPv6Network, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  # private
        "100.64.0.0/10",  # shared by carriers; also the metadata service of one cloud, 100.100.100.200
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # one cloud's own services for its guests
        "169.254.0.0/16",  # link-local; also the metadata service of most clouds, 169.254.169.254
        "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
        "224.0.0.0/4", "240.0.0.0/4",  # multicast, reserved, broadcast
        "2001::/23", "2001:db8::/32", "3fff::/20",  # protocols such as Teredo, documentation
        "2002::/16",  # 6to4: contains an IPv4 address, which may be any address
    )
)  # fmt: skip
"""The networks in IPv4 and in PUBLIC_6 that contain no public addresses."""


def read_network(text: str) -> IPv4Network | IPv6Network:
    """Convert ``text`` to a network. ``text`` contains a network or a single address. Raises ValueError."""
    return ip_network(text)


def may_connect(address: str, listed: tuple[str, ...]) -> bool:
    """True if jitd-outside may connect to ``address``. If ``listed`` contains networks, the address must be in one of these
    networks. If ``listed`` is empty, the address must be public.
    """
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
