"""From a provider's host name to the addresses that may be connected to."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from itertools import chain, zip_longest

from llmrouter.upstream.faults import NoConnection

METADATA_NETWORKS = tuple(
    ip_network(network)
    for network in (
        "169.254.0.0/16",  # AWS, Google, Azure, and others by 169.254.169.254; link-local
        "fd00:ec2::/32",  # AWS
        "fd20:ce::254/128",  # Google
        "100.100.100.200/32",  # Alibaba
        "168.63.129.16/32",  # Azure
        "192.0.0.192/32",  # Oracle
    )
)
"""Where cloud machines ask for their own credentials.  No provider of models lives there, and a
configuration or a DNS answer that points there is an attack."""

_NAT64 = ip_network("64:ff9b::/96")


class AddressRefused(NoConnection):
    """An address that is never connected to."""


async def resolve(host: str, port: int) -> tuple[str, ...]:
    """The host's addresses, both families by turns.

    Raises `NoConnection` when there are none.
    """
    try:
        return (str(ip_address(host)),)
    except ValueError:
        pass  # a name
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise NoConnection(f"{host} can't be resolved: {error}") from None
    addresses = dict.fromkeys(str(address[0]) for *_, address in found)
    six = [address for address in addresses if ":" in address]
    four = [address for address in addresses if ":" not in address]
    by_turns = chain.from_iterable(zip_longest(six, four))
    return tuple(address for address in by_turns if address is not None)


def require_allowed(addresses: tuple[str, ...]) -> None:
    """Raises `AddressRefused` when one of the addresses is a metadata service's."""
    for address in addresses:
        plain = _without_wrapping(ip_address(address))
        if any(plain in network for network in METADATA_NETWORKS):
            raise AddressRefused(f"{address} is a metadata service's address: never connected to")


def _without_wrapping(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that an IPv6 address stands for."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address
