"""The composition of the application."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from aiohttp import hdrs
from aiohttp.test_utils import make_mocked_request

from service.app import make_app, make_services
from service.http.call import SERVICES
from service.http.endpoint import API
from service.http.identity import is_loopback
from service.http.routes import ENDPOINTS
from tests.harness import quick_settings


@pytest.mark.parametrize(
    ("registration", "host", "is_open"),
    [
        ("auto", "127.0.0.1", True),
        ("auto", "::1", True),
        ("auto", "localhost", True),
        ("auto", "192.0.2.1", False),
        ("auto", "example.org", False),
        ("open", "192.0.2.1", True),
        ("closed", "127.0.0.1", False),
    ],
)
def test_who_may_register_follows_from_the_settings(registration: str, host: str, is_open: bool) -> None:
    """`auto` opens registration on a loopback address only."""
    settings = quick_settings({"server": {"registration": registration, "host": host}})
    services = make_services(settings, dict)
    services.passwords.close()
    assert services.registration_open is is_open


async def test_the_application_closes_the_pool_of_passwords() -> None:
    """No thread is left behind."""
    app = make_app(make_services(quick_settings(), dict))
    app.freeze()
    await app.startup()
    await app.cleanup()
    with pytest.raises(RuntimeError):
        await app[SERVICES].passwords.hash("too late")


@pytest.mark.parametrize(
    ("address", "expected"), [("127.0.0.1", True), ("::1", True), ("192.0.2.1", False), ("", False), (None, False)]
)
def test_a_request_from_this_machine_is_told_by_its_address(address: str | None, expected: bool) -> None:
    """Whatever header it sends: there is no trusted proxy."""
    known = {"peername": None if address is None else (address, 1234)}
    transport = SimpleNamespace(get_extra_info=known.get)
    headers = {"X-Forwarded-For": "127.0.0.1", "Forwarded": "for=127.0.0.1"}
    request = make_mocked_request("GET", "/", headers=headers, transport=transport)
    assert is_loopback(request) is expected


def test_only_registration_and_login_are_public() -> None:
    """Whoever adds a route below /v1 must not open it by accident."""
    public = [(one.method, one.path) for one in ENDPOINTS if one.is_public and one.path.startswith(API)]
    assert sorted(public) == [(hdrs.METH_POST, "/v1/sessions"), (hdrs.METH_POST, "/v1/users")]
