"""The request line and the host: targets, methods, versions."""

from __future__ import annotations

from tests.raw.case import HOST, INNER, JSON, TOKEN, Case, get, sized

TARGETS = (
    *tuple(
        Case(f"target: {target}", (get(target, HOST, TOKEN),), (status,), why, stays=stays)
        for target, status, stays, why in (
            ("http://a/livez", 200, True, "servers must take the absolute form"),
            ("http://elsewhere.example/livez", 200, True, "one server is here, whatever it is called"),
            ("http://user:pass@a/livez", 200, True, "who asks is told by Authorization alone"),
            ("a:80", 400, False, "the authority form is for CONNECT"),
            ("livez", 400, False, "no form that there is"),
            ("//livez", 404, True, "the path is taken as it is"),
            ("//a/livez", 404, True, "no authority without a scheme"),
            ("/v1/../livez", 404, True, "dots are not resolved"),
            ("/v1/%2e%2e/livez", 404, True, "dots are not resolved"),
            ("/./livez", 404, True, "dots are not resolved"),
            ("/livez/", 404, True, "another path"),
            ("/LIVEZ", 404, True, "paths have a case"),
            ("/livez%2f", 404, True, "an encoded slash is no slash"),
            ("/v1/documents%2fx", 404, True, "an encoded slash is no slash"),
            ("/v1%2fdocuments", 404, True, "an encoded slash is no slash"),
            ("/livez%00", 404, True, "a zero byte is a character"),
            ("/v1/documents/%00", 404, True, "no such document"),
            ("/v1/documents/%C0%AF", 404, True, "an overlong slash is no slash"),
            ("/v1/documents/%E0%80%AF", 404, True, "an overlong slash is no slash"),
            ("/v1/documents/%F4%90%80%80", 404, True, "beyond Unicode"),
            ("/livez%", 404, True, "no escape"),
            ("/livez%zz", 404, True, "no escape"),
            ("/%6Civez", 200, True, "an escaped letter is that letter"),
            ("/livez?", 200, True, "an empty query"),
            ("/livez#x", 200, True, "what is behind the mark is the client's"),
            ("/livez;x=1", 404, True, "parameters of a path are part of it"),
            ("\\livez", 400, False, "no form that there is"),
            ("/v1/documents?limit=1&limit=2", 400, True, "which of them?"),
            ("/v1/documents?%6Cimit=1", 200, True, "an escaped letter is that letter"),
        )
    ),
    Case("target: none", (b"GET  HTTP/1.1\r\nHost: a\r\n\r\n",), (400,), "there is none"),
    Case("target: a tab in it", (b"GET /li\tvez HTTP/1.1\r\nHost: a\r\n\r\n",), (400,), "no character of a target"),
    Case("target: a space in it", (b"GET /li vez HTTP/1.1\r\nHost: a\r\n\r\n",), (400,), "no character of a target"),
    Case(
        "target: a zero byte in it",
        (b"GET /livez\x00 HTTP/1.1\r\nHost: a\r\n\r\n",),
        (400,),
        "no character of a target",
    ),
    Case("target: asterisk", (get("*", HOST, method="OPTIONS"),), (404,), "there is nothing to tell", stays=True),
    Case("target: asterisk for GET", (get("*", HOST),), (400,), "it is for OPTIONS"),
)

HOSTS = (
    Case("host: none", (get("/livez"),), (400,), "RFC 9112 demands it"),
    Case("host: two", (get("/livez", HOST, "Host: b"),), (400,), "which of them?"),
    Case("host: twice the same", (get("/livez", HOST, HOST),), (400,), "RFC 9112 demands it"),
    Case("host: empty", (get("/livez", "Host:"),), (200,), "the authority may be empty", stays=True),
    Case("host: a port that is none", (get("/livez", "Host: a:b"),), (200,), "nothing is made of it", stays=True),
    Case("host: none in HTTP/1.0", (get("/livez", version="HTTP/1.0"),), (200,), "that version had none"),
)

METHODS = (
    *tuple(
        Case(f"method: {method[:20]}", (get("/livez", HOST, method=method) + INNER,), (400,), why)
        for method, why in (
            ("get", "methods have a case"),
            ("GETX", "unknown, so its framing is too"),
            ("A" * 300, "unknown, so its framing is too"),
            ("G@T", "no token"),
            ("GET\x00", "no token"),
        )
    ),
    Case("method: TRACE", (get("/livez", HOST, TOKEN, method="TRACE"),), (405,), "nothing is sent back", stays=True),
    Case("method: PROPFIND", (get("/livez", HOST, method="PROPFIND"),), (405,), "known to HTTP, not here", stays=True),
    *(
        Case(
            f"method: CONNECT {target}",
            (get(target, HOST, method="CONNECT") + INNER,),
            (404,),
            "behind it comes no HTTP",
        )
        for target in ("/livez", "a:80")
    ),
    Case(
        "method: DELETE on a collection",
        (get("/v1/documents", HOST, TOKEN, method="DELETE"),),
        (405,),
        "no",
        stays=True,
    ),
    Case(
        "method: an override",
        (sized(JSON, "X-HTTP-Method-Override: DELETE"),),
        (201,),
        "the method is that of the line",
        stays=True,
        created=(1, 1),
    ),
)

VERSIONS = (
    *tuple(
        Case(f"version: {version}", (get("/livez", HOST, version=version) + INNER,), (400,), "its framing is not known")
        for version in (
            "HTTP/1.9",
            "HTTP/2.0",
            "HTTP/2",
            "HTTP/0.9",
            "HTTP/3.0",
            "http/1.1",
            "HTTP/01.1",
            "HTTP/1.10",
            "XTTP/1.1",
        )
    ),
    Case("version: none", (b"GET /livez\r\n\r\n",), (400,), "HTTP/0.9 has no header"),
    Case("version: the preface of HTTP/2", (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",), (400,), "prior knowledge is wrong"),
    Case("version: a TLS hello", (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),), (400,), "no HTTP"),
    Case("version: HTTP/1.0 closes", (get("/livez", HOST, version="HTTP/1.0"), INNER), (200,), "as it always did"),
    Case(
        "version: HTTP/1.0 kept alive",
        (get("/livez", HOST, "Connection: keep-alive", version="HTTP/1.0"),),
        (200,),
        "it was asked for",
        stays=True,
    ),
    Case("version: HTTP/1.1 closes on request", (get("/livez", HOST, "Connection: close"), INNER), (200,), "asked for"),
    Case(
        "version: more behind a request that closes",
        (get("/livez", HOST, "Connection: close") + INNER,),
        (400,),
        "what comes together with what does not fit is refused with it, and not done",
    ),
)
