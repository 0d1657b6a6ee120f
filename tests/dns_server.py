"""A real DNS server on loopback, UDP and TCP, whose zone is a dictionary; it fails on demand.

``DnsServer.zone`` maps ``(name, type)`` to texts as ``domains.dns.port`` spells them (TXT unquoted and unsplit, names
without final dot). ``load_zone_text`` takes RFC 1035 text as the product emits it. As a program it serves a folder of
zone files, read again when they change: ``python -m tests.dns_server --port 5353 --zone-folder zones``.
"""

import argparse
import socketserver
import sys
import threading
import time
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tokenizer

TTL = 300


def _wire_text(rdtype: str, text: str) -> str:
    """Return a text as dnspython reads it from a zone file."""
    if rdtype == "TXT":
        octets = text.encode("utf-8")
        parts = [octets[start : start + 255] for start in range(0, len(octets), 255)] or [b""]
        return " ".join(
            '"'
            + "".join(f"\\{byte:03d}" if byte in b'"\\' or not 32 <= byte < 127 else chr(byte) for byte in part)
            + '"'
            for part in parts
        )
    return text if text.endswith(".") or rdtype in ("A", "AAAA", "CAA", "TLSA") else f"{text}."


def _plain_text(rdata: Any) -> str:
    """Return a record's data as the zone dictionary spells it."""
    if rdata.rdtype == dns.rdatatype.TXT:
        return b"".join(rdata.strings).decode("utf-8")
    return rdata.to_text().removesuffix(".")


class DnsServer:
    """Serves ``zone`` while entered as a context; ``port`` is the same for UDP and TCP.

    Names in ``failing`` answer SERVFAIL, in ``bogus`` too unless validation is off, in ``silent`` nothing, in
    ``truncated`` are cut over UDP. ``asked`` keeps
    the questions. ``negative_ttl`` is how long an absence may be remembered.
    """

    def __init__(self, port: int = 0, address: str = "127.0.0.1") -> None:
        self.zone: dict[tuple[str, str], list[str]] = {}
        self.failing: set[str] = set()
        self.bogus: set[str] = set()
        self.silent: set[str] = set()
        self.truncated: set[str] = set()
        self.asked: list[tuple[str, str]] = []
        self.negative_ttl = 0
        self._tcp = _Tcp((address, port), _TcpHandler)
        self.address, self.port = self._tcp.server_address[:2]
        self._udp = _Udp((address, self.port), _UdpHandler)
        for server in (self._tcp, self._udp):
            server.dns = self

    def __enter__(self) -> "DnsServer":
        for server in (self._tcp, self._udp):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in (self._tcp, self._udp):
            server.shutdown()
            server.server_close()

    def load_zone_text(self, text: str) -> list[tuple[str, str]]:
        """Add the records of zone text; those of the same name and type are replaced. Returns the keys."""
        loaded: dict[tuple[str, str], list[str]] = {}
        origin = None
        for line in text.splitlines():
            words = line.split(None, 4)
            if line.startswith("$ORIGIN"):
                origin = dns.name.from_text(words[1])
            elif len(words) == 5 and not line.startswith((";", "$")):
                name, _ttl, _class, rdtype, data = words
                rdata = dns.rdata.from_text("IN", rdtype, data, origin, relativize=False)
                owner = dns.name.from_text(name, origin).to_text(omit_final_dot=True).lower()
                loaded.setdefault((owner, rdtype), []).append(_plain_text(rdata))
        self.zone |= loaded
        return list(loaded)

    def answer(self, wire: bytes, udp: bool) -> bytes | None:
        """Return the wire answer, None for silence."""
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        rdtype = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, rdtype))
        if name in self.silent:
            return None
        response = dns.message.make_response(query, recursion_available=True)
        if name in self.failing or (name in self.bogus and not query.flags & dns.flags.CD):
            response.set_rcode(dns.rcode.SERVFAIL)
        elif udp and name in self.truncated:
            response.flags |= dns.flags.TC
        else:
            self._fill(response, name, rdtype, 8)
        return response.to_wire(max_size=1232 if udp else 65535, prefer_truncation=udp)

    def _fill(self, response: Any, name: str, rdtype: str, hops: int) -> None:
        texts = self.zone.get((name, rdtype))
        if texts:
            rows = [_wire_text(rdtype, text) for text in texts]
            response.answer.append(dns.rrset.from_text(f"{name}.", TTL, "IN", rdtype, *rows))
            return
        alias = self.zone.get((name, "CNAME"))
        if alias and rdtype != "CNAME" and hops:
            response.answer.append(dns.rrset.from_text(f"{name}.", TTL, "IN", "CNAME", f"{alias[0]}."))
            self._fill(response, alias[0], rdtype, hops - 1)
            return
        if not any(owner == name or owner.endswith(f".{name}") for owner, _ in self.zone):
            response.set_rcode(dns.rcode.NXDOMAIN)
        soa = f"ns.invalid. host.invalid. 1 3600 600 86400 {self.negative_ttl}"
        response.authority.append(dns.rrset.from_text(f"{name}.", self.negative_ttl, "IN", "SOA", soa))


class _Udp(socketserver.ThreadingUDPServer):
    dns: DnsServer
    allow_reuse_address = True
    daemon_threads = True
    max_packet_size = 65535


class _Tcp(socketserver.ThreadingTCPServer):
    dns: DnsServer
    allow_reuse_address = True
    daemon_threads = True


class _UdpHandler(socketserver.BaseRequestHandler):
    server: _Udp

    def handle(self) -> None:
        """Answer one datagram."""
        wire, sock = self.request
        answer = self.server.dns.answer(wire, True)
        if answer is not None:
            sock.sendto(answer, self.client_address)


class _TcpHandler(socketserver.StreamRequestHandler):
    server: _Tcp

    def handle(self) -> None:
        """Answer the questions of one connection."""
        while size := self.rfile.read(2):
            answer = self.server.dns.answer(self.rfile.read(int.from_bytes(size, "big")), False)
            if answer is None:
                return
            self.wfile.write(len(answer).to_bytes(2, "big") + answer)


def main() -> None:
    """Serve a folder of zone files until stopped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--zone-folder", type=Path, required=True)
    chosen = parser.parse_args()
    with DnsServer(chosen.port) as server:
        print(f"dns ready on 127.0.0.1:{server.port}", file=sys.stderr, flush=True)
        seen: dict[Path, float] = {}
        while True:
            for path in sorted(chosen.zone_folder.glob("*.zone")):
                if seen.get(path) != (stamp := path.stat().st_mtime):
                    server.load_zone_text(path.read_text())
                    seen[path] = stamp
            time.sleep(0.5)


if __name__ == "__main__":
    main()
