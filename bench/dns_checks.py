"""Seconds for a check of many domains: every record at two authoritative servers and at two resolvers, and kept.

    python -m bench.dns_checks [--domains 1000]

A named of Debian is all four, under two names and on two ports; one domain in ten lacks a record, and one in ten has
a wrong one. The embedded PostgreSQL runs as the product runs it, fsync on. The first round makes every key active,
the second finds nothing new. Needs root (port 53 of loopback) and the package bind9.
"""

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TARGET_SECONDS = 60.0
ADDRESS = "127.0.0.1"
PORTS = (53, 5353)  # the name servers are on the first, one resolver on each
OPTIONS = """
options {{
    directory "{folder}"; pid-file none; session-keyfile none; listen-on-v6 {{ none; }};
    {listen}
    recursion no; dnssec-validation no; notify no; empty-zones-enable no;
}};
controls {{ }};
"""
HEAD = "$TTL 300\n@ IN SOA ns1.provider.example. host.provider.example. 1 3600 600 86400 5\n"
SERVERS = "@ IN NS ns1.provider.example.\n@ IN NS ns2.provider.example.\n"


@contextmanager
def installation(folder: Path) -> Iterator[None]:
    """The embedded PostgreSQL and Django over it."""
    os.environ |= {
        "MAILADMIN_DATA": str(folder),
        "MAILADMIN_RESOLVER": ",".join(f"{ADDRESS}:{port}" for port in PORTS),
        "MAILADMIN_HOSTNAME": "mail.provider.example",
        "MAILADMIN_PUBLIC_ADDRESSES": "203.0.113.25",
        "MAILADMIN_PRIVATE_NETWORKS": "127.0.0.0/8",
        "DJANGO_SETTINGS_MODULE": "mailadmin.settings",
    }
    from mailadmin.runner.places import make_socket_folder, socket_folder
    from mailadmin.runner.postgres import EmbeddedPostgres

    make_socket_folder(folder)
    database = EmbeddedPostgres(folder)
    database.prepare()
    pid = database.start()
    try:
        database.wait_ready(pid)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield
    finally:
        os.kill(pid, signal.SIGINT)
        os.waitpid(pid, 0)
        shutil.rmtree(socket_folder(folder), ignore_errors=True)


def make_domains(count: int) -> list[Any]:
    """Return domains with an RSA-2048 and an Ed25519 key each that wait for the DNS."""
    from domains.audit import system_act
    from domains.models import DkimKey, Domain
    from domains.services import provision

    act = system_act("console")
    first = provision.create_domain(act, "d0.example")
    keys = list(first.dkim_keys.all())
    names = [f"d{number}.example" for number in range(1, count)]
    Domain.objects.bulk_create(Domain(name=name, skeleton=name, state=first.state) for name in names)
    others = Domain.objects.exclude(pk=first.pk)
    DkimKey.objects.bulk_create(
        DkimKey(domain=domain, selector=key.selector, algorithm=key.algorithm, public_key=key.public_key)
        for domain in others
        for key in keys
    )
    return list(Domain.objects.order_by("pk").prefetch_related("dkim_keys"))


def zone_of(domain: Any, number: int) -> str:
    """Return the zone file: what is desired, but for the faults that the domain's number asks for."""
    from domains.services.publication import desired_records, zone_text

    lines = zone_text(desired_records(domain), domain.name).splitlines()[2:]
    if number % 10 == 1:
        lines = [line for line in lines if not line.startswith("_dmarc.")]
    if number % 10 == 2:
        lines = [
            line.replace("-all", "include:other.example -all").replace("ip4:", "ip4:198.51.100.9 ?ip4:")
            for line in lines
        ]
    return HEAD + SERVERS + "\n".join(lines) + "\n"


@contextmanager
def name_server(folder: Path, zones: dict[str, str]) -> Iterator[None]:
    """One named with these zones on both ports."""
    folder.mkdir()
    text = OPTIONS.format(
        folder=folder, listen=" ".join(f"listen-on port {port} {{ {ADDRESS}; }};" for port in PORTS)
    )
    for name, content in zones.items():
        (folder / f"{name}.zone").write_text(content)
        text += f'zone "{name}" {{ type primary; file "{name}.zone"; }};\n'
    (folder / "named.conf").write_text(text)
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen(["named", "-g", "-c", str(folder / "named.conf")], stdout=log, stderr=log)
    try:
        until = time.monotonic() + 60
        while "all zones loaded" not in (folder / "log").read_text():
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError((folder / "log").read_text()[-2000:])
            time.sleep(0.2)
        yield
    finally:
        server.terminate()
        server.wait(20)


def check_all(label: str) -> float:
    """Check what is due and print what it took; returns the seconds."""
    from domains.models import Domain, RecordObservation
    from domains.services.check import check_due_domains

    Domain.objects.update(checked_at=None)
    before, begin = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    done = check_due_domains()
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_SELF)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    rows = dict.fromkeys(RecordObservation.objects.order_by().values_list("status", flat=True), 0)
    for status in rows:
        rows[status] = RecordObservation.objects.filter(status=status).count()
    print(f"{label}: {done} domains in {seconds:.1f} s, {cpu:.1f} s of CPU here; {rows}")
    return seconds


def main() -> int:
    """Print the figures; the status is 1 when the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domains", type=int, default=1000)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mailadmin-bench-"))
    folder.chmod(0o755)
    try:
        with installation(folder / "ours"):
            domains = make_domains(chosen.domains)
            zones = {domain.name: zone_of(domain, number) for number, domain in enumerate(domains)}
            zones["provider.example"] = (
                f"{HEAD}{SERVERS}ns1 IN A {ADDRESS}\nns2 IN A {ADDRESS}\nmail IN A 203.0.113.25\n"
            )
            zones["113.0.203.in-addr.arpa"] = f"{HEAD}{SERVERS}25 IN PTR mail.provider.example.\n"
            with name_server(folder / "named", zones):
                taken = [check_all("first check"), check_all("second check")]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if max(taken) <= TARGET_SECONDS * chosen.domains / 1000 else 1


if __name__ == "__main__":
    sys.exit(main())
