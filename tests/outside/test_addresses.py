# SPDX-License-Identifier: Apache-2.0
"""Which addresses jitd-outside connects to, and which URLs lead to the server that was asked."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd_outsiders.outside.addresses import may_connect
from jitd_outsiders.outside.urls import Url, read_url, same_server

NOT_PUBLIC = {
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "any": ["0.0.0.0", "::"],
    "private": ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "fc00::1", "fdff::1"],
    "link-local": ["169.254.0.1", "fe80::1", "fe80::1%eth0", "febf::1"],
    "metadata": ["169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd20:ce::254"],
    "shared": ["100.64.0.1", "100.127.255.255"],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe"],
    "compatible": ["::127.0.0.1", "::10.0.0.1"],
    "translated": ["64:ff9b::a9fe:a9fe", "64:ff9b:1::1"],
    "tunnelled": ["2002:7f00:1::1", "2002:a9fe:a9fe::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1"],
    "documented": ["2001:db8::1", "3fff::1"],
    "discard": ["100::1", "5f00::1"],
    "nonsense": ["", "localhost", "127.1", "0x7f000001", "2130706433", "010.0.0.1", "1.2.3.4.5", "1.2.3.4\n", "1.2.3.4 "],
}
PUBLIC = ["1.1.1.1", "9.255.255.255", "11.0.0.1", "172.15.255.255", "172.32.0.1", "168.63.129.17", "100.63.255.255",
          "2606:4700::1111", "2a00:1450::1", "::ffff:1.1.1.1"]  # fmt: skip


@pytest.mark.parametrize("kind", NOT_PUBLIC)
def test_without_a_list_an_address_that_is_not_public_is_not_connected_to(kind: str) -> None:
    """THREATS E-01"""
    assert [address for address in NOT_PUBLIC[kind] if may_connect(address, ())] == []


@pytest.mark.parametrize("address", PUBLIC)
def test_without_a_list_a_public_address_is_connected_to(address: str) -> None:
    assert may_connect(address, ())


def test_with_a_list_nothing_else_is_connected_to() -> None:
    """THREATS E-01"""
    listed = ("10.1.2.0/24", "fd00:1::/32")
    assert all(may_connect(address, listed) for address in ("10.1.2.0", "10.1.2.255", "::ffff:10.1.2.7", "fd00:1::7"))
    assert not any(may_connect(address, listed) for address in ("10.1.3.0", "1.1.1.1", "fd00:2::1", "::1", "2606:4700::1111", ""))


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_judged_alike_in_both_of_its_forms(number: int) -> None:
    address = str(ip_address(number))
    for listed in ((), ("10.0.0.0/8",), ("::/0",)):
        assert may_connect(address, listed) == may_connect(f"::ffff:{address}", listed)


@given(st.ip_addresses())
def test_what_python_calls_private_or_special_is_never_public(address: object) -> None:
    found = ip_address(str(address))
    if may_connect(str(address), ()):
        mapped = getattr(found, "ipv4_mapped", None) or found
        assert not (mapped.is_private or mapped.is_loopback or mapped.is_link_local or mapped.is_multicast or mapped.is_reserved)


ASKED = read_url("https://changes.example.org/jit?x=1")


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/jit/7", "/jit/7"), ("/jit/7?a=b&c", "/jit/7?a=b&c"), ("https://changes.example.org/jit/7", "/jit/7"),
        ("https://CHANGES.example.org:443/", "/"), ("https://changes.example.org", "/"), ("https://changes.example.org?x", "/?x"),
    ],
)  # fmt: skip
def test_a_location_on_the_same_server_is_followed_by_the_daemon(location: str, target: str) -> None:
    assert same_server(ASKED, location) == Url("https", "changes.example.org", 443, target)


@pytest.mark.parametrize(
    "location",
    [
        "", "jit/7", "//evil.example.org/", "http://changes.example.org/jit", "https://changes.example.org:8443/",
        "https://evil.example.org/", "https://changes.example.org.evil.org/", "https://changes.example.org@evil.org/",
        "https://evil.org\\@changes.example.org/", "/\\evil.org/", "/a b", "/\n", "/#x", "/" + "x" * 3000, "unix:/run/x",
        "https://changes.example.org./", "/\u00e4", "https://169.254.169.254/", "ftp://changes.example.org/",
    ],
)  # fmt: skip
def test_a_location_anywhere_else_is_not(location: str) -> None:
    """THREATS E-01"""
    assert same_server(ASKED, location) is None


@given(st.text(max_size=60))
def test_a_url_that_is_read_comes_back_as_it_was_read(text: str) -> None:
    for each in (text, f"https://{text}", f"https://a.example/{text}"):
        try:
            found = read_url(each)
        except ValueError:
            continue
        assert read_url(str(found)) == found
