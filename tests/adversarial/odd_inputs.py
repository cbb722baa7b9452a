"""Malformed and unusual bodies, headers and requests, and texts that must be escaped."""

from __future__ import annotations

import gzip
import json
from typing import Any
from uuid import UUID

PROPERTY = UUID("0e7b1f1a-6a3c-4c59-9a52-3d1f5b3f8a01")
"""Whose events they are; where another property is meant, its id is put in its place."""


def one(**changes: Any) -> bytes:
    return json.dumps({"collectorId": str(PROPERTY), "event": "page_view", "data": {}, **changes}).encode()


def raw(data: str, event: str = '"page_view"') -> bytes:
    return f'{{"collectorId": "{PROPERTY}", "event": {event}, "data": {data}}}'.encode()


def holding(value: str) -> bytes:
    """An event with one key, whose value is this JSON text."""
    return raw(f'{{"a": {value}}}')


GOOD = one()

SCRIPT = "<script>window.pwned=1</script>"
MARKUP = [
    SCRIPT, "</script>" + SCRIPT, "<img src=x onerror=window.pwned=1>", '"><svg onload=window.pwned=1>',
    "'><details open ontoggle=window.pwned=1>", "<iframe srcdoc='<script>parent.pwned=1</script>'>",
    "javascript:window.pwned=1", "java\tscript:window.pwned=1", "data:text/html,<script>parent.pwned=1</script>",
    "<a href='javascript:window.pwned=1'>x</a>", "<style>*{display:none}</style>", "<base href=//evil.example/>",
    "<meta http-equiv=refresh content='0;url=//evil.example'>", "<!--", "-->", "<![CDATA[", "]]>", "</title><h1>",
    "</textarea>", "</style></head><body>", "<b>bold</b><br>", "&lt;b&gt;", "&#x3c;script&#x3e;", "&nbsp;", "&",
    "'-(window.pwned=1)-'", '"-(window.pwned=1)-"', "`-${window.pwned=1}-`", "\\'-(window.pwned=1)//",
    "{{constructor.constructor('window.pwned=1')()}}", "${window.pwned=1}", "#{7*7}", "<%= 7*7 %>", "{% raw %}",
    "[x](javascript:window.pwned=1)", "![x](x)", "# heading", "a\n# heading", "| a | b |", "|---|---|", "`code`",
    "```\nfence", "*bold* _it_ ~~s~~", "> quote", "- list\n- list", "[^1]: note", "<https://evil.example>",
    "<a href=\"https://evil.example\">Plotly link</a>", "<b>%{x}</b>", "%{customdata}", "$\\alpha^{2}$",
    "=1+1", "=HYPERLINK(\"http://evil.example\")", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", '"a","b"', "a;b",
    "a\r\nSet-Cookie: a=b", "a\tb", ":material/home:", "\\u003cscript\\u003e", "\\", "\\\\", "'", '"', "''", '""',
    "%", "%00", "%s%n%x", "{0}", "{}", "{name}", "%(name)s", "../../etc/passwd", "C:\\con", "file:///etc/passwd",
    "'; DROP TABLE event; --", "1' OR '1'='1", '"; DROP TABLE canary; --', "1; DROP TABLE canary", "x') UNION SELECT 1",
    "null", "NULL", "None", "nil", "undefined", "NaN", "true", "false", "0", "-0", "1e5", "0x10", "1_000", "()",
]  # fmt: skip
UNICODE = [
    " ", "\u00a0", "\u200b", "\u2060", "\ufeff", "\u00ad", "\u202eRTL", "\u2066x\u2069", "\u2028", "\u2029",
    "\u0085", "\x01", "\x07", "\x1b[31mred", "\x7f", "\x0b\x0c", "\ufffd", "\uffff", "\ufdd0", "\U0010ffff",
    "\U000e0001tag", "é", "e\u0301", "Ⅷ²½", "ß", "İı", "ﷺ", "ﬀ", "中文字", "日本語", "한국어", "العربية", "עברית",
    "हिन्दी", "ไทย", "Ω≈ç√∫", "👩‍👩‍👧‍👦", "🏳️‍🌈", "🇩🇪", "👍🏽", "👍" * 500, "Z̮̞̠͙͔ͅḀ̗̞͈̻̗Ḷ͙͎̯̹̞͓G̻O̭̗̮",
    "a" + "\u0301" * 300, "１２３", "ʇxǝʇ", "𝕿𝖊𝖝𝖙", "http://xn--fsq.example", "пример.рф", "\ue000", "٠١٢",
]  # fmt: skip
LONG = [
    "x" * 10_000,
    "<" * 10_000,
    "&" * 10_000,
    "|" * 10_000,
    "word " * 2_000,
    "😀" * 2_000,
    "/" * 10_000,
    "\n" * 10_000,
]
TEXTS = MARKUP + UNICODE + LONG


def in_every_place(text: str) -> bytes:
    """One page view that says it wherever a text may stand."""
    words = ("title", "language", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content", "target")
    data: dict[str, Any] = dict.fromkeys((*words, "text", "href", "view_id", "user_id", "plan"), text)
    data |= {"url": "/" + text, "referrer": f"https://{text[:200]}", "hostname": text, text: {text: [text]}}
    return one(data=data)


def as_event(text: str) -> bytes:
    data = {"url": text, "referrer": text, "plan": text, "user_id": 7, "text": text}
    return one(event=text[:255], data=data)


def of_an_agent(text: str) -> bytes:
    return one(event="click", data={"user_agent": text, "url": f"https://{text}/{text}?{text}#{text}", "text": text})


NOT_JSON = (
    "[1 true]", "[a]", '["": 1]', '[""],', "[,1]", "[1,,2]", '["x"]]', "[1,", "[3[4]]", "[fals]", "[tru]", "[nul]",
    "[-]", "[--1]", "[+1]", "[.5]", "[1.]", "[1.e1]", "[1e]", "[1e+]", "[0e]", "[0x1]", "[012]", "[-012]", "[1a]",
    "[Infinity]", "[-Infinity]", "[NaN]", "[-NaN]", "[1_000]", "['a']", '["\\x"]', '["\\u12"]', '["\\uqqqq"]',
    '["\\u{1F600}"]', '["\\a"]', '["\n"]', '["\x1f"]', '["a', '{"a":1,}', '{"a" 1}', "{a:1}", '{"a":1 "b":2}',
    "{1:1}", '{"a":}', "{,}", "{:1}", '{"a":/*c*/1}', '{"a":1}//c', "[1]#", "[\u00a01]", "[\f1]", "[\u20601]",
    "True", "None", "(1)", "<1>", "1,", "1 2", '"a" "b"', "1e400", "-1e400", "[" * 2_000 + "]" * 2_000, "\ufeff1",
    '{"a":' * 1_500 + "1" + "}" * 1_500, "9" * 5_000, "0" * 50, '"\t"', "$ref", "{{}}", "\\u0031", "TRUE",
)  # fmt: skip
JSON = (
    "[]", "[[]]", "[ 1 ]", "{}", '{"":0}', '{"":{"":{}}}', "[null, 1, \"1\", {}]", "[1,null,null,null,2]", "false",
    '"\\u0060\\u012a\\u12AB"', '"\\uD801\\udc37"', '"\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\\uFFFF"', '"\\uFDD0"', '"\\u0000"',
    '"\\ud800"', '"\\ud800\\ud800"', '"\\udead"', '"\\uD800\\n"', '"\\uDd1ea"', '"\\u0061\\u30af"', '"\\u2028"',
    '"a/*b*/"',
    "0e1", "-0", "-0.0", "1E22", "1e-400", "0.1e-1000", "123e45", "1E+2", "0.4e-3", "123.456789", "5e-324",
    "1.7976931348623157e308", "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
    "18446744073709551615", "18446744073709551616", "-9223372036854775809", "1" * 100, "-" + "1" * 100,
    "0." + "3" * 300, "[" * 100 + "]" * 100, '{"a":' * 200 + "1" + "}" * 200, "[" + "1," * 5_000 + "1]",
    '{"a":1,"a":2,"a":3}', '{"__proto__":{"x":1}}', '{"$ref":"#"}', '{"constructor":{"prototype":1}}', '[" "]',
)  # fmt: skip

REFUSED = [
    b"", b" ", b"\0", b"{", b"}", b"[", b"[[]]", b"[{}]", b"{}", b"null", b"true", b"0", b"-", b'"', b"'a'",
    b"undefined", b"NaN", b"Infinity", b"1e400", b"9" * 5_000, b"\xff\xfe{\0}\0", b"\xff", b"\xc3\x28",
    b"\xed\xa0\x80", GOOD[:-1], GOOD + GOOD, GOOD + b",", GOOD.decode().encode("utf-16"),
    GOOD.decode().encode("utf-16-le"), GOOD.decode().encode("utf-32"), gzip.compress(GOOD, mtime=0), b"[" * 10_000,
    b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 5_000 + b"1" + b"}" * 5_000, b"collectorId=1&event=page_view", b"<xml/>",
    b"--boundary\r\nContent-Disposition: form-data\r\n", b"[" + GOOD + b",]", b"[" + GOOD + b",null]",
    b"[" + b",".join([GOOD] * 101) + b"]", b"[" + GOOD, GOOD + b"]", GOOD + b"\0", b"\0" + GOOD, GOOD[1:],
    b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD, b"\xef\xbb\xbf", b"[" + GOOD + b"," + GOOD[:-1] + b"]", b")]}'\n" + GOOD,
    GOOD.replace(b"page_view", b"\xe9"), GOOD.replace(b"page_view", b"\xf4\x90\x80\x80"),
    GOOD.replace(b"page_view", b"\xc0\xaf"), GOOD.replace(b"page_view", b"\xed\xb0\x80"), GOOD.replace(b"page_view",
    b"\xe2\x82"),
    one(collectorId=""), one(collectorId="0"), one(collectorId=["x"]), one(collectorId=True), one(collectorId=None),
    one(collectorId=PROPERTY.int), one(collectorId={"id": str(PROPERTY)}),
    one(collectorId="'; DROP TABLE property; --"),
    one(collectorId=str(PROPERTY) + "0"), one(collectorId="z" * 36), one(event=""), one(event={}), one(event=1),
    one(event=None), one(event="x" * 256), one(event="x" * 100_000), one(event="\0"), one(event=[]), one(event=True),
    one(data=[]), one(data="a"), one(data=1), one(data=True), one(data="{}"), one(data=[{}]), one(id="x"), one(id=[]),
    one(id=1.5), one(id={}), one(id=True), one(id=""), one(id="0" * 31), raw("{'a': 1}"), raw('{"a": 01}'),
    raw('{"a": "\t"}'), *(holding(value) for value in NOT_JSON),
]  # fmt: skip
TAKEN = [
    raw('{"a": 1, "a": 2}'), raw('{"\\u0000": "\\u0000"}'), raw('{"title": "\\ud800"}'),
    raw('{"title": "\\udc00\\ud800"}'), raw('{"user_id": 123456789012345678901234567890}'), raw('{"user_id": ""}'),
    raw('{"user_id": {}}'), raw('{"user_id": true}'), raw('{"user_id": -0.0}'), raw('{"user_id": 1e308}'),
    raw('{"user_id": "\\ud800"}'), raw('{"a":' + "[" * 900 + "]" * 900 + "}"), one(data={"url": 7}),
    one(data={"url": ""}),
    one(data={"url": "?"}), one(data={"url": "#"}), one(data={"url": "http://["}), one(data={"url": "//"}),
    one(data={"url": "http://%/%"}), one(data={"url": "\0"}), one(data={"url": "/" + "x" * 9_000}),
    one(data={"url": "/a?" + "&".join(f"utm_{n}=1" for n in range(500))}), one(data={"url": "/?x=100%"}),
    one(data={"url": "/?utm_source=%ff%00"}), one(data={"url": "\\\\host\\share"}), one(data={"referrer": "http://["}),
    one(data={"referrer": 5}), one(data={"referrer": "x" * 9_000}), one(data={"referrer": "://"}),
    one(data={"hostname": "a b"}), one(data={"hostname": "x" * 400}), one(data={"hostname": []}),
    one(data={"hostname": "::1"}), one(data={"screen_width": -1, "screen_height": 1e300}),
    one(data={"screen_width": "wide"}), one(data={"screen_width": "9" * 400}), one(data={"screen_width": "²"}),
    one(data={"scroll_depth": 1e15}, event="scroll"), one(data={"time_on_page": 1 << 62}, event="page_leave"),
    one(data={"time_on_page": []}), one(data={"user_agent": "x" * 9_000}), one(data={"user_agent": "\ud800"}),
    one(data={"title": "x" * 100_000}), one(data={"title": ["x"]}), one(data={"utm_source": {"a": 1}}),
    one(data={"x" * 5_000: 1}), one(data={str(n): n for n in range(5_000)}), one(data={"automated": "true"}),
    one(data={"text": {"a": 1}}, event="click"), one(data={"target": ["a"], "href": {}}, event="click"),
    one(data={"user_id": ["a"], "view_id": {"a": 1}}), one(data={"url": ["/"], "hostname": 7, "language": 1e9}),
    b"\xef\xbb\xbf" + GOOD, b"\n\n" + GOOD + b"\n", one(extra=1, id=None), one(collector_id="x", user_id=[1]),
    one(user_id="9" * 9_000), one(collectorId="{" + str(PROPERTY).upper() + "}"),
    one(collectorId=f"urn:uuid:{PROPERTY}"),
    b"[" + b",".join([GOOD] * 100) + b"]", *(holding(value) for value in JSON),
    *(in_every_place(text) for text in TEXTS), *(as_event(text) for text in TEXTS),
    *(of_an_agent(text) for text in TEXTS),
]  # fmt: skip

HEADERS: list[dict[str, str]] = [
    {"content-type": "application/x-www-form-urlencoded"}, {"content-type": "\xff"}, {"content-type": ""},
    {"content-length": "9" * 30}, {"origin": "http://["}, {"origin": "\xff\xfe"}, {"origin": "null"}, {"origin": ""},
    {"origin": "https://" + "a." * 2_000}, {"origin": SCRIPT}, {"referer": "x" * 9_000}, {"referer": "http://[::"},
    {"referer": "\x80"}, {"user-agent": "\x01\x02"}, {"user-agent": "x" * 50_000}, {"user-agent": ""},
    {"user-agent": SCRIPT}, {"user-agent": "(" * 5_000}, {"user-agent": "\xe2\x82"}, {"x-forwarded-for": ",,,"},
    {"x-forwarded-for": "\xff"}, {"x-forwarded-for": "1.2.3.4, " * 2_000}, {"x-forwarded-for": "999.1.1.1"},
    {"x-forwarded-for": "[::1]:80, ::ffff:1.2.3.4, fe80::1%eth0"}, {"forwarded": "for=;;;="}, {"x-real-ip": "::::"},
    {"sec-purpose": ""}, {"sec-purpose": "\xff"}, {"purpose": "x" * 5_000}, {"accept-encoding": "gzip, " * 1_000},
    {"content-encoding": "gzip"}, {"expect": "100-continue"}, {"cookie": "a=" + "x" * 9_000}, {"dnt": "1"},
    {"access-control-request-headers": "a\rb"}, {"range": "bytes=0-"}, {"if-none-match": "*"}, {"host": "evil.example"},
]  # fmt: skip

_HEAD = b"POST /collect HTTP/1.1\r\nHost: a\r\n"
_LENGTH = b"Content-Length: %d\r\n\r\n" % len(GOOD)
BROKEN_HTTP = [
    b"\r\n\r\n", b"\0\0\0\0\r\n\r\n", b"GET\r\n\r\n", b"POST /collect\r\n\r\n", b"POST /collect HTTP/9.9\r\n\r\n",
    b"POST /collect HTTP/1.0\r\n" + _LENGTH + GOOD, b"POST  /collect HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\0\x01\0\x01",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"post /collect HTTP/1.1\r\nHost: a\r\n" + _LENGTH + GOOD,
    b"POST /collect%00 HTTP/1.1\r\nHost: a\r\n" + _LENGTH + GOOD, b"POST //collect HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /%63ollect HTTP/1.1\r\nHost: a\r\n" + _LENGTH + GOOD, b"POST /../collect HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST http://a/collect HTTP/1.1\r\nHost: a\r\n" + _LENGTH + GOOD, b"POST * HTTP/1.1\r\nHost: a\r\n\r\n",
    b"POST /collect?\xff HTTP/1.1\r\nHost: a\r\n" + _LENGTH + GOOD, b"POST \xff HTTP/1.1\r\nHost: a\r\n\r\n",
    _HEAD + b"Content-Length: -1\r\n\r\n" + GOOD, _HEAD + b"Content-Length: +5\r\n\r\n" + GOOD,
    _HEAD + b"Content-Length: 1e3\r\n\r\n" + GOOD, _HEAD + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\n" + GOOD,
    _HEAD + b"Content-Length: 99999999999999999999999\r\n\r\n", _HEAD + b"Content-Length: 0x10\r\n\r\n" + GOOD,
    _HEAD + b"Content-Length: 10\r\n\r\n" + GOOD, _HEAD + b"Content-Length: 400000\r\n\r\n" + GOOD,
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n" + GOOD, _HEAD + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(GOOD), GOOD),
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n" + GOOD,
    _HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n",
    _HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", _HEAD + b"Transfer-Encoding: x\r\n" + _LENGTH + GOOD,
    _HEAD + b"Transfer-Encoding: chunked\r\n" + _LENGTH + b"0\r\n\r\n" + GOOD, _HEAD + b"No colon\r\n\r\n",
    _HEAD + b": no name\r\n\r\n", _HEAD + b"A b: c\r\n\r\n", _HEAD + b" folded: x\r\n\r\n",
    _HEAD + b"X: a\r\n b\r\n\r\n",
    _HEAD + b"X: \0\r\n\r\n", _HEAD + b"X: a\rb\r\n\r\n", _HEAD + b"X: a\nY: b\r\n\r\n",
    _HEAD + b"X: " + b"a" * 100_000,
    _HEAD + b"".join(b"X-%d: a\r\n" % n for n in range(2_000)) + b"\r\n",
    b"POST /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
    _HEAD + b"Host: b\r\n" + _LENGTH + GOOD, b"POST /collect HTTP/1.1\r\n" + _LENGTH + GOOD,
    _HEAD + b"Upgrade: websocket\r\nConnection: Upgrade\r\n" + _LENGTH + GOOD,
    _HEAD + b"Expect: x\r\n" + _LENGTH + GOOD,
    _HEAD + b"Connection: close, keep-alive\r\n" + _LENGTH + GOOD,
    b"GET /collect/pixel.gif?id=%\xff HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /collect/pixel.gif?id=%zz&url=%00 HTTP/1.1\r\nHost: a\r\n\r\n",
    b"CONNECT /collect HTTP/1.1\r\nHost: a\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", b"TRACE /collect HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /collector.js%0d%0aX:1 HTTP/1.1\r\nHost: a\r\n\r\n", (_HEAD + _LENGTH + GOOD) * 20, _HEAD, b"P", b"",
]  # fmt: skip
"""Whole requests, as bytes on a connection that the sender then stops writing to."""
