"""Tokens are got, renewed and kept to themselves; S3 is asked as the access says."""

from __future__ import annotations

import pickle
import threading
import time
import traceback
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import urlsplit

import pytest
import rasterio

from jobs.domain import Access, gdal_settings
from jobs.errors import SceneError, UnreachableError
from jobs.tile import access
from jobs.tile.access import address, without_query
from tests.support.scenes import noise, write_band
from tests.support.servers.faults import answers, resets
from tests.support.servers.s3 import S3, environment, faulty_proxy, s3_server
from tests.support.servers.sas import TokenServer, token_server

PC = Access.PLANETARY_COMPUTER
HREF = "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/a/b/B02.tif"
OTHER = "https://sentinel2l2a01.blob.core.windows.net/thumbnails/a.tif"


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "_tokens", access._Tokens())
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_S3_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(access, "RETRY", access.RETRY.new(backoff_factor=0.01))


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> Iterator[TokenServer]:
    with token_server("sentinel2l2a01", "devaccount") as server:
        monkeypatch.setenv("PC_SDK_SAS_URL", server.token_url)
        yield server


class Clocks:
    """Both clocks of this machine, to be moved by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monotonic_s, self.wall_s = time.monotonic(), time.time()
        both = SimpleNamespace(monotonic=lambda: self.monotonic_s, time=lambda: self.wall_s)
        monkeypatch.setattr(access, "time", both)

    def go_on(self, seconds: float) -> None:
        self.monotonic_s += seconds
        self.wall_s += seconds


# --- signing ------------------------------------------------------------------------------------


def test_an_address_is_signed_with_its_containers_token(tokens: TokenServer) -> None:
    first, second, other = address(HREF, PC), address(HREF + "2", PC), address(OTHER, PC)
    assert first.startswith(HREF + "?st=")
    assert urlsplit(first).query == urlsplit(second).query != urlsplit(other).query
    paths = [request.path for request in tokens.requests]
    assert paths == [
        f"/api/sas/v1/token/sentinel2l2a01/{c}" for c in ("sentinel2-l2", "thumbnails")
    ]


def test_an_old_signature_is_replaced(tokens: TokenServer) -> None:
    assert address(HREF + "?sig=old&se=2020", PC) == address(HREF, PC)


def test_an_emulated_storage_has_its_account_in_the_path(tokens: TokenServer) -> None:
    assert "?st=" in address("http://127.0.0.1:10000/devaccount/container/a.tif", PC)
    assert tokens.requests[0].path.endswith("/devaccount/container")


@pytest.mark.parametrize("how", [None, Access.REQUESTER_PAYS, Access.ANONYMOUS])
@pytest.mark.parametrize("href", [HREF, "s3://bucket/a.tif", "/data/a.tif"])
def test_other_addresses_are_left_alone(href: str, how: Access | None, tokens: TokenServer) -> None:
    assert address(href, how) == href
    assert tokens.requests == []


@pytest.mark.parametrize("href", ["s3://bucket/a.tif", "/data/a.tif", "https://x.example/a/b.tif"])
def test_what_is_not_in_azure_is_not_signed(href: str, tokens: TokenServer) -> None:
    assert address(href, PC) == href
    assert tokens.requests == []


def test_a_subscription_is_named_to_the_service(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PC_SDK_SUBSCRIPTION_KEY", "my-subscription")
    address(HREF, PC)
    assert tokens.requests[0].headers["ocp-apim-subscription-key"] == "my-subscription"


# --- renewal ------------------------------------------------------------------------------------


def test_a_token_is_renewed_well_before_it_runs_out(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = Clocks(monkeypatch)
    first = address(HREF, PC)
    clocks.go_on(3600 - access.RENEW_BEFORE_S - 10)
    assert address(HREF, PC) == first
    clocks.go_on(20)
    assert address(HREF, PC) != first
    assert len(tokens.requests) == 2


def test_a_token_shorter_lived_than_the_margin_is_used_for_half_its_life(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens.life_s = 60
    clocks = Clocks(monkeypatch)
    first = address(HREF, PC)
    clocks.go_on(25)
    assert address(HREF, PC) == first
    clocks.go_on(10)
    assert address(HREF, PC) != first


def test_a_refused_token_is_renewed_when_asked(tokens: TokenServer) -> None:
    first = address(HREF, PC)
    assert address(HREF, PC, renew=True) != first
    assert address(HREF, PC) != first


@pytest.mark.parametrize("jump_s", [-30 * 86400, 30 * 86400])
def test_a_wall_clock_that_jumps_neither_keeps_nor_wastes_tokens(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch, jump_s: float
) -> None:
    clocks = Clocks(monkeypatch)
    address(HREF, PC)
    clocks.wall_s += jump_s
    now = address(HREF, PC)
    assert address(HREF, PC) == now
    assert len(tokens.requests) <= 2
    clocks.go_on(3600 - access.RENEW_BEFORE_S + 10)
    assert address(HREF, PC) != now


def test_a_machine_that_slept_renews(tokens: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks(monkeypatch)
    first = address(HREF, PC)
    clocks.wall_s += 7200  # the monotonic clock stood still
    assert address(HREF, PC) != first


def test_a_wall_clock_that_is_wrong_from_the_start_does_no_harm(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = Clocks(monkeypatch)
    clocks.wall_s += 365 * 86400
    first = address(HREF, PC)
    clocks.go_on(600)
    assert address(HREF, PC) == first


def test_many_threads_ask_once(tokens: TokenServer) -> None:
    tokens.link.latency_s = 0.05
    seen: list[str] = []
    threads = [threading.Thread(target=lambda: seen.append(address(HREF, PC))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(seen)) == 1
    assert len(tokens.requests) == 1


# --- a service that fails -----------------------------------------------------------------------


def test_a_busy_service_is_waited_for(tokens: TokenServer) -> None:
    tokens.faults.add(answers(429, retry_after_s=1))
    started = time.monotonic()
    assert "?st=" in address(HREF, PC)
    assert time.monotonic() - started >= 0.95
    assert [request.status for request in tokens.requests] == [429, 200]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_service_that_stays_down_may_be_tried_again(tokens: TokenServer, status: int) -> None:
    tokens.faults.add(answers(status, times=None))
    with pytest.raises(UnreachableError, match=rf"{HREF} cannot be signed.*{status}"):
        address(HREF, PC)
    assert len(tokens.requests) == 5
    tokens.faults.clear()
    assert "?st=" in address(HREF, PC)


def test_a_service_that_breaks_off_may_be_tried_again(tokens: TokenServer) -> None:
    tokens.faults.add(resets(times=None))
    with pytest.raises(UnreachableError, match="does not answer"):
        address(HREF, PC)


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_is_final(tokens: TokenServer, status: int) -> None:
    tokens.faults.add(answers(status, times=None))
    with pytest.raises(SceneError, match=rf"{status}; check PC_SDK_SUBSCRIPTION_KEY") as caught:
        address(HREF, PC)
    assert not isinstance(caught.value, UnreachableError)
    assert len(tokens.requests) == 1


def test_an_unknown_account_is_final(tokens: TokenServer) -> None:
    with pytest.raises(SceneError, match="404; expected a container it knows") as caught:
        address(HREF.replace("sentinel2l2a01", "nobody"), PC)
    assert not isinstance(caught.value, UnreachableError)


def test_nonsense_is_no_token(tokens: TokenServer, monkeypatch: pytest.MonkeyPatch) -> None:
    tokens.faults.add(answers(200, times=None))
    with pytest.raises(UnreachableError, match="answers no token"):
        address(HREF, PC)


def test_a_token_with_life_left_bridges_a_failing_service(
    tokens: TokenServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clocks = Clocks(monkeypatch)
    first = address(HREF, PC)
    clocks.go_on(3600 - access.RENEW_BEFORE_S + 1)
    tokens.faults.add(answers(503, times=None))
    assert address(HREF, PC) == address(HREF, PC) == first
    assert len(tokens.requests) == 1 + 5  # and then the service is left alone for a while
    clocks.go_on(access.RENEW_BEFORE_S)
    with pytest.raises(UnreachableError):
        address(HREF, PC)


# --- secrets ------------------------------------------------------------------------------------


def test_no_token_leaves_but_in_an_address(
    tokens: TokenServer, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("DEBUG"):
        assert "secret1" in address(HREF, PC)
        tokens.faults.add(answers(403, times=None))
        with pytest.raises(SceneError) as caught:
            address(HREF + "?sig=" + "se" + "cret0", PC, renew=True)
    said = "".join(traceback.format_exception(caught.value))
    shown = caplog.text + said + repr(vars(access._tokens)) + repr(pickle.dumps(caught.value))
    assert "secret" not in shown
    assert HREF in said


def test_messages_lose_their_queries_and_nothing_else() -> None:
    said = "'/vsicurl/https://a.example/b.tif?se=1&sig=x%2By' is not recognized? HTTP 403: why?"
    wanted = "'/vsicurl/https://a.example/b.tif' is not recognized? HTTP 403: why?"
    assert without_query(said) == wanted


# --- S3 -----------------------------------------------------------------------------------------


def test_without_an_endpoint_nothing_is_set() -> None:
    assert gdal_settings(None) == gdal_settings(PC) == {}


@pytest.mark.parametrize("name", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_the_standard_endpoint_is_told_to_gdal(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "http://minio.example:9000/")
    assert gdal_settings(None) == {
        "AWS_S3_ENDPOINT": "minio.example:9000",
        "AWS_HTTPS": "NO",
        "AWS_VIRTUAL_HOSTING": "FALSE",
    }
    monkeypatch.setenv(name, "https://minio.example")
    assert gdal_settings(Access.ANONYMOUS)["AWS_HTTPS"] == "YES"


def test_gdals_own_endpoint_goes_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://minio.example:9000")
    monkeypatch.setenv("AWS_S3_ENDPOINT", "other.example")
    assert gdal_settings(None) == {}


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    folder = tmp_path_factory.mktemp("cogs")
    write_band(folder / "a.tif", noise())
    with s3_server() as server:
        server.put(folder, "cogs")
        yield server


@pytest.mark.parametrize("how", [None, Access.REQUESTER_PAYS, Access.ANONYMOUS])
def test_s3_is_asked_as_the_access_says(
    s3: S3, how: Access | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with faulty_proxy(s3.url) as proxy:
        for name, value in environment(proxy.url).items():
            monkeypatch.setenv(name, value)
        # A file of its own for each: what GDAL remembers of one would answer for the next.
        s3.client().copy_object(
            Bucket=s3.bucket,
            Key=f"cogs/{how}.tif",
            CopySource=f"{s3.bucket}/cogs/a.tif",
        )
        s3.client().put_object_acl(Bucket=s3.bucket, Key=f"cogs/{how}.tif", ACL="public-read")
        with (
            rasterio.Env(**gdal_settings(how), GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(address(f"s3://{s3.bucket}/cogs/{how}.tif", how)) as file,
        ):
            assert file.read(1).shape == noise().shape
    headers = [request.headers for request in proxy.requests]
    assert headers
    pays = how is Access.REQUESTER_PAYS
    assert {h.get("x-amz-request-payer") for h in headers} == {"requester" if pays else None}
    assert {"authorization" in h for h in headers} == {how is not Access.ANONYMOUS}
    assert "test-secret" not in repr(proxy.requests)
