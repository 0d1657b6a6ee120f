"""A Celery worker with its listeners: independent of Redis, reachable by remote control, stopped in order."""

import threading

import pytest

from tests.mailadmin.worker_process import RedisServer, wait_for, worker


@pytest.fixture
def redis(tmp_path_factory):
    server = RedisServer(tmp_path_factory.mktemp("r"))
    yield server
    server.stop()


def rows(answer):
    return [row for one in answer["workers"] for row in one["listeners"]]


def test_listeners_need_no_redis_and_obey_when_it_is_there(tmp_path, redis):
    with worker(tmp_path, redis) as running:
        wait_for(running.accepts)
        away = running.list_workers()
        assert away["reason"]
        assert [(row["service"], row["port"], row["state"]) for row in rows(away)] == [
            ("mx", running.port, "running")
        ]

        redis.start()
        wait_for(running.answers)
        answer = running.list_workers()
        name = answer["workers"][0]["worker"]
        assert answer["workers"][0]["pid"] == running.process.pid

        drained = running.ask(f"asdict(status.act_on({name!r}, 'drain', 'mx'))")
        assert drained["listeners"][0]["state"] == "stopped"
        assert not running.accepts()
        started = running.ask(f"asdict(status.act_on({name!r}, 'start'))")
        assert started["listeners"][0]["state"] == "running"
        assert running.accepts()
        assert running.stop() < 10
        assert running.process.returncode == 0
        assert running.heartbeat() is None


def test_redis_lost_in_mid_session_touches_no_listener_and_no_session(tmp_path, redis):
    redis.start()
    with worker(tmp_path, redis) as running:
        wait_for(running.accepts)
        wait_for(running.answers)
        with running.connect() as held:
            held.ehlo("c.example")
            redis.stop()
            wait_for(lambda: b"Connection to broker lost" in running.log.read_bytes())
            held.sendmail("a@x.example", ["b@y.example"], b"Subject: x\r\n\r\nstill here\r\n")
            assert running.accepts()
            assert running.heartbeat()["services"][0]["state"] == "running"
            redis.start()
            wait_for(running.answers)
            assert held.noop()[0] == 250
            total = running.heartbeat()["services"][0]["listeners"][0]
            assert total["open"] >= 1
        redis.stop()
        wait_for(lambda: running.log.read_bytes().count(b"Connection to broker lost") >= 2)
        assert running.stop() < 10


def test_sigterm_lets_a_running_transaction_end(tmp_path, redis):
    redis.start()
    with worker(tmp_path, redis) as running:
        wait_for(running.accepts)
        replies = []
        idle = running.connect()
        client = running.connect()
        client.ehlo("c.example")
        client.mail("a@x.example")
        client.rcpt("b@y.example")

        def send():
            replies.append(client.data(b"Subject: x\r\n\r\nslow\r\n"))

        sending = threading.Thread(target=send)
        sending.start()
        wait_for(lambda: b"mail0@" in running.log.read_bytes())
        assert running.stop() < 10
        sending.join(5)
        assert replies[0][0] == 250
        assert idle.getreply()[0] == 421


def test_the_jobs_worker_takes_a_task_that_was_sent_while_it_was_away(tmp_path, redis):
    redis.start()
    with worker(tmp_path, redis, "run_worker('jobs', 0)") as running:
        wait_for(running.heartbeat)
        running.ask("__import__('mailadmin.celery').celery.app.send_task('domains.tasks.expand_traces').id")
        wait_for(lambda: b"domains.tasks.expand_traces" in running.log.read_bytes())
        assert running.heartbeat()["role"] == "jobs"
        assert running.stop() < 10
        assert running.process.returncode == 0


def test_beat_waits_for_redis_and_then_sends(tmp_path, redis):
    with worker(tmp_path, redis, "run_beat()") as running:
        wait_for(running.heartbeat)
        redis.start()
        wait_for(
            lambda: running.ask(
                "__import__('redis').Redis.from_url(status.settings.MAILADMIN.redis_url).llen('mailadmin:jobs')"
            )
        )
        assert running.process.poll() is None
        assert running.heartbeat()["role"] == "beat"
        assert running.stop() < 10
        assert running.heartbeat() is None


def test_beat_ends_at_once_while_redis_is_away(tmp_path, redis):
    with worker(tmp_path, redis, "run_beat()") as running:
        wait_for(running.heartbeat)
        assert running.stop() < 5
