"""How long links to logs and for uploads are good."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

from live_app import WHERE, Live


def until_when(link: str) -> datetime:
    (text,) = parse_qs(urlsplit(link).query)["se"]
    return datetime.fromisoformat(text)


def test_the_link_to_a_log_outlives_the_longest_run_that_may_wait_before_it(live: Live, base: str) -> None:
    _ = base
    (run, *_) = live.client.runs.list(*WHERE, top=1)
    log = live.client.runs.get_log_sas_url(*WHERE, run.name).log_link
    upload = live.client.registries.get_build_source_upload_url(*WHERE).upload_url
    now = datetime.now(UTC)
    assert until_when(log) > now + timedelta(seconds=28800)
    assert until_when(upload) < now + timedelta(hours=2)
