"""Aggregate reports parsed and stored a second, beside parsedmarc on the same files in the same run, as a ratio.

    python -m bench.reports --parsedmarc PROGRAM [--files 4000] [--peer-files 400] [--records 50] [--jobs 2]
                            [--large 1000000]

Both read gzip files of ``--records`` records as reporters send them, whole processes; what one file costs is taken
away from both as their start-up. The product stores them in a PostgreSQL of its own (fsync on) and adds the days up;
parsedmarc (``--offline``, in a virtual environment of its own) writes JSON, from the first ``--peer-files`` of these
files. ``--large``: one report of so many records, its time and the highest resident memory of the process.
"""

import argparse
import gzip
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailadmin.runner.postgres import EmbeddedPostgres

ROOT = Path(__file__).parent.parent
DOMAINS = [f"domain{number}.example" for number in range(20)]
REPORTERS = ("google.com", "Outlook.com", "Yahoo", "FastMail Pty Ltd", "mail.ru", "comcast.net", "GMX", "web.de")
BEGIN = datetime(2025, 11, 1, tzinfo=UTC)
DISPOSITIONS = ("none", "none", "none", "quarantine", "reject")

RECORD = """  <record>
    <row>
      <source_ip>{ip}</source_ip>
      <count>{count}</count>
      <policy_evaluated>
        <disposition>{disposition}</disposition>
        <dkim>{dkim}</dkim>
        <spf>{spf}</spf>
      </policy_evaluated>
    </row>
    <identifiers>
      <header_from>{domain}</header_from>
    </identifiers>
    <auth_results>
      <dkim>
        <domain>{signer}</domain>
        <selector>{selector}</selector>
        <result>{dkim}</result>
      </dkim>
      <spf>
        <domain>{envelope}</domain>
        <result>{spf}</result>
      </spf>
    </auth_results>
  </record>
"""
HEAD = """<?xml version="1.0" encoding="UTF-8" ?>
<feedback>
  <report_metadata>
    <org_name>{reporter}</org_name>
    <email>noreply-dmarc-support@{reporter_host}</email>
    <report_id>{identity}</report_id>
    <date_range><begin>{begin}</begin><end>{end}</end></date_range>
  </report_metadata>
  <policy_published>
    <domain>{domain}</domain><adkim>r</adkim><aspf>r</aspf><p>none</p><sp>none</sp><pct>100</pct>
  </policy_published>
"""


def records(domain: str, count: int, chance: random.Random) -> Iterator[str]:
    """Yield records as a receiver writes them: mostly of the domain's own senders, then forwarders, then impostors.

    240 addresses of senders, 400 of forwarders and such, which come again every day; one in twelve is seen once.
    """
    for _number in range(count):
        luck = chance.random()
        good, forwarded = luck < 0.8, 0.8 <= luck < 0.92
        host = chance.randrange(240 if good else 400)
        known = f"198.18.{host // 200}.{host % 200}" if good else f"198.19.{host // 200}.{host % 200}"
        signed = chance.random() < (0.95 if good else 0.7 if forwarded else 0.0)
        yield RECORD.format(
            ip=known if good or forwarded else f"{chance.randrange(11, 190)}.{chance.randrange(256)}.9.{host % 200}",
            count=chance.choice((1, 1, 1, 2, 3, 7, 20, 150)),
            disposition="none" if good or signed else chance.choice(DISPOSITIONS),
            dkim="pass" if signed else "fail",
            spf="pass" if good and chance.random() < 0.9 else "fail",
            domain=domain,
            signer=domain if good or forwarded else f"spam{host}.example",
            selector=f"s{host % 6}",
            envelope=domain if good else f"list{host % 40}.example" if forwarded else f"bounce{host}.example",
        )


def report(number: int, count: int) -> Iterator[str]:
    """Yield the text of one report."""
    chance = random.Random(number)  # the same files in every run
    domain, reporter = DOMAINS[number % len(DOMAINS)], REPORTERS[number // len(DOMAINS) % len(REPORTERS)]
    begin = BEGIN + timedelta(days=number // (len(DOMAINS) * len(REPORTERS)))
    yield HEAD.format(
        reporter=reporter,
        reporter_host=reporter.replace(" ", "").lower(),
        identity=f"{number:012d}",
        domain=domain,
        begin=int(begin.timestamp()),
        end=int((begin + timedelta(days=1)).timestamp()) - 1,
    )
    yield from records(domain, count, chance)
    yield "</feedback>\n"


def write(folder: Path, numbers: Iterable[int], count: int) -> list[Path]:
    """Write gzip files and return their places."""
    places = []
    for number in numbers:
        place = folder / f"reporter!{DOMAINS[number % len(DOMAINS)]}!{number}.xml.gz"
        with gzip.open(place, "wt", compresslevel=6) as file:
            file.writelines(report(number, count))
        places.append(place)
    return places


def peer(program: str, places: Sequence[Path], output: Path) -> float:
    """Return the seconds that parsedmarc takes for these files, the process from its start to its end."""
    begun = time.monotonic()
    arguments = [program, "--offline", "--silent", "-o", str(output), *map(str, places)]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - begun


def product(environment: dict[str, str], places: Sequence[Path], jobs: int) -> tuple[float, float, int]:
    """Return the seconds until the last file is stored, until all is added up, and the highest memory in octets."""
    arguments = [sys.executable, "manage.py", "dmarc_report", "--store", "--jobs", str(jobs), *map(str, places)]
    begun = time.monotonic()
    stored = 0.0
    with subprocess.Popen(arguments, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as done:
        assert done.stdout is not None
        for _line in done.stdout:
            stored = time.monotonic() - begun
        _pid, status, used = os.wait4(done.pid, 0)
        done.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begun
    if status:
        raise SystemExit(f"the command ended with status {os.waitstatus_to_exitcode(status)}")
    return stored, seconds, used.ru_maxrss * 1024


def _database(folder: Path) -> tuple[EmbeddedPostgres, int, dict[str, str]]:
    """Start a PostgreSQL in the folder with the schema and the domains; returns it, its pid and the environment."""
    from mailadmin.runner.places import embedded_database_url, make_socket_folder

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    make_socket_folder(folder)
    server = EmbeddedPostgres(folder, {})
    server.prepare()
    pid = server.start()
    server.wait_ready(pid)
    environment = {"DATABASE_URL": embedded_database_url(folder), "MAILADMIN_DATA": str(folder)}
    os.environ |= environment
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mailadmin.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from domains.models import Domain

    Domain.objects.bulk_create(Domain(name=name, skeleton=name, ownership_token="x") for name in DOMAINS)
    return server, pid, os.environ | environment | {"PYTHONUNBUFFERED": "1"}


def _stored() -> tuple[int, int, int]:
    """Return how many records are stored, added up, and still to be added up."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM domains_dmarcrecord), (SELECT sum(records) FROM domains_dmarcdaily),"
            " (SELECT count(*) FROM domains_dmarcdirtyday)"
        )
        facts, added, waiting = cursor.fetchone()
    return int(facts), int(added or 0), int(waiting)


def compare(folder: Path, environment: dict[str, str], chosen: argparse.Namespace) -> None:
    """Print both rates and their ratio."""
    single = write(folder, [chosen.files], chosen.records)
    places = write(folder, range(chosen.files), chosen.records)
    some = places[: chosen.peer_files]
    start_stored, start, _octets = product(environment, single, chosen.jobs)
    stored, seconds, _octets = product(environment, places, chosen.jobs)
    facts, added, waiting = _stored()
    assert (facts, added, waiting) == ((chosen.files + 1) * chosen.records, facts, 0), (facts, added, waiting)
    count = chosen.files * chosen.records
    rates = {"stored": count / (stored - start_stored), "stored and added up": count / (seconds - start)}
    print(
        f"product: {chosen.files} files stored after {stored:.2f} s, added up after {seconds:.2f} s, "
        f"start {start:.2f} s"
    )
    for name, rate in rates.items():
        print(f"  {name}: {rate:,.0f} records a second")
    if chosen.parsedmarc:
        theirs_start = peer(chosen.parsedmarc, single, folder / "peer1")
        theirs = peer(chosen.parsedmarc, some, folder / "peer")
        their_rate = (len(some) - 1) * chosen.records / (theirs - theirs_start)
        print(f"parsedmarc: {len(some)} files in {theirs:.2f} s, start {theirs_start:.2f} s: {their_rate:,.0f}")
        for name, rate in rates.items():
            print(f"ratio {name}: {rate / their_rate:.1f}")


def large(folder: Path, environment: dict[str, str], count: int) -> None:
    """Print time and memory of one report of so many records."""
    place = write(folder, [1], count)
    _stored, seconds, octets = product(environment, place, 1)
    print(f"one report of {count:,} records: {seconds:.1f} s, highest resident memory {octets / 1e6:.0f} MB")


def main() -> None:
    """Make the files, run both, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--parsedmarc", default="")
    parser.add_argument("--files", type=int, default=4000)
    parser.add_argument("--peer-files", type=int, default=400)
    parser.add_argument("--records", type=int, default=50)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--large", type=int, default=0)
    chosen = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mailadmin-bench-"))
    try:
        _server, pid, environment = _database(folder / "data")
        try:
            if chosen.large:
                large(folder, environment, chosen.large)
            else:
                compare(folder, environment, chosen)
        finally:
            os.kill(pid, 2)
            os.waitpid(pid, 0)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
