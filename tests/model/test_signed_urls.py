"""What grants access is cut out of a URL, and an ordinary URL stays: measured on lists of both.

In `fixtures/urls_signed.txt` the part that grants access stands between « and ». All values are
made up.
"""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from dlt_docjobs.model.cleaning import clean_text, is_clean
from dlt_docjobs.model.url_parameters import Kind, grants, kind_of, looks_random, says_expiry

_FIXTURES = Path(__file__).parent / "fixtures"


def lines(name: str) -> list[str]:
    return (_FIXTURES / name).read_text(encoding="utf-8").splitlines()


ORDINARY = [*lines("urls_ordinary.txt"), *lines("urls_ordinary_more.txt")]
SIGNED = lines("urls_signed.txt")


def secret_of(line: str) -> tuple[str, str]:
    """The URL, and what in it grants access."""
    before, _, rest = line.partition("«")
    secret, _, after = rest.partition("»")
    return before + secret + after, secret


def test_no_ordinary_url_is_changed() -> None:
    assert len(ORDINARY) >= 2_000
    assert [url for url in ORDINARY if clean_text(url) != url] == []


def test_nothing_that_grants_access_is_kept() -> None:
    assert len(SIGNED) >= 200
    kept = [line for line in SIGNED if secret_of(line)[1] in clean_text(secret_of(line)[0])]
    assert kept == []


@pytest.mark.parametrize(
    "around",
    [
        "See [the file]({}) and on.",
        "![x]({} 'title')",
        '<img src="{}" alt="x">',
        "<{}>",
        "| {} | cell |",
        '{{"url": "{}", "n": 1}}',
        "{}\nnext line",
    ],
)
def test_nor_in_what_stands_around_it(around: str) -> None:
    before, _, after = around.partition("{}")
    for line in SIGNED:
        url, secret = secret_of(line)
        cleaned = clean_text(around.format(url))
        assert secret not in cleaned
        assert cleaned.startswith(before.format()) and cleaned.endswith(after.format())


def test_nor_in_html_or_json_in_a_text() -> None:
    for line in SIGNED:
        url, secret = secret_of(line)
        assert secret not in clean_text('<a href="' + url.replace("&", "&amp;") + '">x</a>')
        slashes = json.dumps({"u": url}).replace("/", "\\/").replace("&", "\\u0026")
        cleaned = clean_text(slashes)
        assert secret not in json.loads(cleaned)["u"]


def test_nor_percent_encoded_in_another_url() -> None:
    kept = []
    for line in SIGNED:
        url, secret = secret_of(line)
        cleaned = clean_text(f"see https://other.test/view?to={quote(url, safe='')}&page=2 there")
        if quote(secret, safe="") in cleaned or secret in cleaned:
            kept.append(line)
    assert kept == []


def test_what_is_signed_is_noticed_among_many_texts() -> None:
    for line in SIGNED:
        assert not is_clean(f"before {secret_of(line)[0]} behind".encode())


def test_only_the_part_of_a_path_that_grants_access_goes() -> None:
    token = "4SAzXtI3aN4jqkQdLxJ7KxCbyhlX0aBcDe_fgh12345678"
    for url, expected in (
        (f"https://o.test/p/{token}/n/ns/b/bucket/o/a.pdf", "https://o.test/n/ns/b/bucket/o/a.pdf"),
        (f"https:\\/\\/o.test\\/p\\/{token}\\/n\\/ns", "https:\\/\\/o.test\\/n\\/ns"),
        (f"/p/{token}/n/ns/b/x", "/n/ns/b/x"),
        ("https://c.test/image/s--NNHm6ZzR--/v1/a.jpg", "https://c.test/image/v1/a.jpg"),
        (
            "https://v.test/bcdn_token=Qo7jSECRET&expires=1700000000&token_path=%2Fa%2F/a.m3u8",
            "https://v.test/a.m3u8",
        ),
        ("https://h.test/x.do;jsessionid=AB12.n1?lang=de", "https://h.test/x.do?lang=de"),
    ):
        assert clean_text(f"x {url} y") == f"x {expected} y"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:pw@h.test/a", "https://h.test/a"),
        ("https://user@h.test/a", "https://h.test/a"),
        ("postgresql://u:p%40w:x@[::1]:5432/db", "postgresql://[::1]:5432/db"),
        ("redis://:pw@h.test:1/0", "redis://h.test:1/0"),
        (r"https:\/\/u:p@h.test\/a", r"https:\/\/h.test\/a"),
        ("https%3A%2F%2Fuser%3Apw%40h.test%2Fx", "https%3A%2F%2Fh.test%2Fx"),
        ("https://u:p@x@h.test/", "https://h.test/"),
    ],
)
def test_a_url_has_no_user(url: str, expected: str) -> None:
    for around in ("{}", "see ({}) there", '<a href="{}">', "**{}**"):
        assert clean_text(around.format(url)) == around.format(expected)
        assert not is_clean(around.format(url).encode())


@pytest.mark.parametrize(
    "text",
    [
        "https://medium.com/@user/post",
        "mailto:a@b.test and https://h.test, c@d.test",
        "[x](https://a.test),[y](mailto:c@d.test)",
        "https://a.test,c@d.test",
        "https://例え.jp、info@例え.jp",
        "https://h.test/p/plan-of-the-energy-and-health/n/3",
        "https://h.test/docs/token=introduction",
        "https://h.test/p?code=EN&s=search+words&md5=on&verify=true&e=5&hm=1",
    ],
)
def test_what_only_looks_like_it_stays(text: str) -> None:
    assert clean_text(text) is text


def test_the_fields_of_an_upload_form_lose_what_signs_them() -> None:
    form = {
        "url": "https://b.s3.amazonaws.com/",
        "fields": {"key": "a", "policy": "eyJleHBpcmF0aW9u", "x-amz-signature": "deadbeef"},
    }
    once = json.dumps(form)
    for text in (once, json.dumps(once)):
        cleaned = clean_text(text)
        assert "deadbeef" not in cleaned and "eyJleHBpcmF0" not in cleaned
        assert not is_clean(text.encode()) and clean_text(cleaned) is cleaned
    assert json.loads(clean_text(once))["fields"]["key"] == "a"


def test_a_value_counts_for_less_alone_than_beside_an_expiry() -> None:
    short = "aB3dE5fG7hI9jK1lM3nO5p"
    assert kind_of("zz") is Kind.OTHER and kind_of("docId") is Kind.HARMLESS
    assert not grants(Kind.OTHER, short, expires=False)
    assert grants(Kind.OTHER, short, expires=True)
    assert grants(Kind.OTHER, short * 2, expires=False)
    assert not grants(Kind.HARMLESS, short * 2, expires=True)
    assert clean_text(f"https://h.test/a?md5={short}&page=2").endswith("&page=2")
    assert clean_text(f"https://h.test/a?md5={short}&expires=1700000000") == "https://h.test/a"


@pytest.mark.parametrize(
    "value",
    [
        "AnnualReportAndFinancialStatements2023Final",
        "annual-report-of-the-committee-2023-final-version",
        "123e4567-e89b-12d3-a456-426614174000",
        "12345678901234567890123456789012",
    ],
)
def test_titles_numbers_and_uuids_are_not_random(value: str) -> None:
    assert not looks_random(value, 16)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("Expires", "1700000000", True),
        ("expirationTimestamp", "1700000000000", True),
        ("oe", "65A1B2C3", True),
        ("se", "2026-01-01T00:00:00Z", True),
        ("ttl", "3600", True),
        ("e", "20", False),
        ("page", "1700000000", False),
        ("end", "spring", False),
    ],
)
def test_what_says_when_a_url_expires(name: str, value: str, says: bool) -> None:
    assert says_expiry(name, value) is says
