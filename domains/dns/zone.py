"""A resolver over a dictionary that can fail on demand: the twin of the network for tests and replays."""

from collections.abc import Iterable, Mapping

from domains.dns.port import Answer, DnsStatus


class ZoneResolver:
    """Answers from ``{(name, type): texts}``; names in ``failing`` get TEMPFAIL, in ``bogus`` BOGUS.

    A name that has any record, or a descendant with one, answers NODATA for types it lacks; others NXDOMAIN.
    ``asked`` keeps the questions in order.
    """

    def __init__(
        self,
        records: Mapping[tuple[str, str], Iterable[str]],
        failing: Iterable[str] = (),
        bogus: Iterable[str] = (),
        ttl: int = 300,
    ) -> None:
        self._records = {(name.lower(), rdtype): tuple(texts) for (name, rdtype), texts in records.items()}
        self._failing = {name.lower() for name in failing}
        self._bogus = {name.lower() for name in bogus}
        self._ttl = ttl
        self.asked: list[tuple[str, str]] = []

    async def lookup(self, name: str, rdtype: str) -> Answer:
        """Return the answer; follows a CNAME eight times at most."""
        name = name.lower().rstrip(".")
        self.asked.append((name, rdtype))
        return self._answer(name, rdtype, name, 8)

    def _answer(self, asked: str, rdtype: str, name: str, hops: int) -> Answer:
        if name in self._failing or hops == 0:
            return Answer(asked, rdtype, DnsStatus.TEMPFAIL, reason="no answer")
        if name in self._bogus:
            return Answer(asked, rdtype, DnsStatus.BOGUS, reason="DNSSEC validation failed")
        texts = self._records.get((name, rdtype))
        if texts:
            return Answer(asked, rdtype, DnsStatus.FOUND, texts, self._ttl, canonical_name=name)
        target = self._records.get((name, "CNAME"))
        if target and rdtype != "CNAME":
            return self._answer(asked, rdtype, target[0].lower().rstrip("."), hops - 1)
        status = DnsStatus.NODATA if self._exists(name) else DnsStatus.NXDOMAIN
        return Answer(asked, rdtype, status, canonical_name=name)

    def _exists(self, name: str) -> bool:
        return any(owner == name or owner.endswith("." + name) for owner, _ in self._records)
