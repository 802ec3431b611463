"""What a URL in a text loses: its signature, the part of its path that grants access, its user.

A signature is found by its parameter (`&X-Amz-Signature=`), whatever the URL around it looks like:
plain, in Markdown, in an HTML attribute (`&amp;`), in JSON that is itself a text (`\\u0026`,
`\\/`) or percent-encoded. From there the query string is sought backwards and forwards. No
character is looked at more than a few times: a text may have 10 MB.
"""

from __future__ import annotations

import re
from typing import Final

from dlt_docjobs.model.secret_names import REDACTED
from dlt_docjobs.model.url_parameters import (
    LONGEST,
    SHORTEST,
    Kind,
    grants,
    kind_of,
    leads_on,
    looks_random,
    says_expiry,
)

# --- spellings ----------------------------------------------------------------------------------

_PERCENT_EQUALS = r"%(?:25){0,3}3[Dd]"
_ENTITY_EQUALS = r"&(?:amp;)*(?:equals|\#61|\#[xX]3[Dd]);"
_JSON_EQUALS = r"\\u003[Dd]"
_EQUALS = rf"=|{_PERCENT_EQUALS}|{_JSON_EQUALS}|{_ENTITY_EQUALS}"
_PERCENT_SLASH = r"%(?:25){0,3}2[Ff]"
_SLASHES = rf"\\{{0,8}}/|{_PERCENT_SLASH}"

# The set of first signs lets the regex engine skip all else; what it found is then told apart.
# Markdown escapes underscores: `access\_token`
_PARAMETER = re.compile(
    r"(?P<separator>[?&;\#%\\](?:"
    r"(?<=&)(?:amp;)*(?:amp|semi|num|quest|\#38|\#59|\#35|\#63|\#[xX](?:26|3[bBfF]|23));"
    r"|(?<=%)(?:25){0,3}(?:3[BbFf]|2[36])"
    r"|(?<=\\)u00(?:3[BbFf]|2[36])"
    r"|(?<=[?&;\#])))"
    r"(?P<name>(?:[A-Za-z0-9_.$\[\]-]|\\[_.\[\]-]){1,80})"
    rf"(?:{_EQUALS})"
)
_SESSIONS: Final = frozenset({"jsessionid", "phpsessid"})
_SESSION = re.compile(r"[\w.!~*-]*", re.ASCII)
# What Google signs in the addresses of pages of books and of advertisements opens nothing
_NO_GRANTS: Final = ("ACfU3U", "AOD64_")
_SEMICOLONS: Final = frozenset({";", "&semi;", "&#59;", "&#x3b;", "%3b", "%253b", "\\u003b"})
# Where a query string may begin; `?https://` and `?(` are a question and what follows it
_QUERY_START = re.compile(
    r"\?(?!https?:|[(\[!])|%(?:25){0,3}3[Ff]|\\u003[Ff]|&(?:amp;)*(?:quest|\#63|\#[xX]3[fF]);"
)
_SLASH = re.compile(r"/|%(?:25){0,3}2[Ff]|\\u002[Ff]|&(?:amp;)*(?:sol|\#47|\#[xX]2[fF]);")
# A stretch of query string. Entities for quotes, brackets and spaces end it, and so do quotes,
# brackets (unless closed within it), what Markdown puts around a link, and the next URL of a list
_STRETCH = re.compile(
    r"[A-Za-z0-9\-._~:/?\#@!$+;=%]+"
    r"|,(?!(?:https?|s3|gs)(?::|%3A))"
    r"|&(?!(?:amp;)*(?:quot|apos|lt|gt|nbsp|\#0*(?:10|13|32|34|39|60|62|160)"
    r"|\#[xX]0*(?:[aAdD]|20|22|27|3[cCeE]|[aA]0));)"
    r"|\\{1,4}(?:u00(?:2[356bfBF]|3[abdfABDF])|[&=?_./\#%+~*-])"
    r"|\*(?=[A-Za-z0-9~&%])"
    r"|\([^\s()\"'<>]*\)"
    r"|\[[^\s\[\]\"'<>]*\]"
)
_URL_ENDS: Final = frozenset(' \t\r\n\v\f\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029\u3000"<>')
_PUNCTUATION: Final = ".,:!"

# The value of a parameter, each character however it is written
_WRITTEN = re.compile(
    r"[A-Za-z0-9+/_.~:!*=-]+"
    r"|\\{1,4}[+/_.~=*-]"
    r"|%(?:25){0,3}(?:2[ABDFabdf0]|3[ADad]|5[Ff]|7[Ee])"
    r"|\\u00(?:2[bfBF]|3[dD])"
    r"|&(?:amp;)*(?:equals|sol|plus|lowbar|\#4[37]|\#61|\#95|\#[xX](?:3[dD]|2[bfBF]|5[fF]));"
)
_PERCENT = re.compile(r"%(?:25){0,3}([0-9A-Fa-f]{2})")
_ESCAPED = re.compile(r"\\u00([0-9A-Fa-f]{2})|\\+")
_ENTITY: Final = {"equals": "=", "sol": "/", "plus": "+", "lowbar": "_"}
_ENTITIES = re.compile(
    r"&(?:amp;)*(?:(equals|sol|plus|lowbar)|\#([0-9]{2})|\#[xX]([0-9A-Fa-f]{2}));"
)
_TIME = re.compile(r"(?:[0-9A-Za-z.:+-]|%(?:25){0,3}(?:3[Aa]|2[BbFf0])){1,40}")
# Where a value that ends here ends: nothing else belongs to it
_VALUE_GOES_ON = re.compile(r"[^\s&;\#?,\"'<>()\[\]|`\\%{}.\u3000-\uffff]|%(?:25){0,3}[A-Fa-f]")


def _value(text: str, start: int) -> str | None:
    """The value that starts here, without escapes; None if what stands here is no token."""
    stop = min(len(text), start + LONGEST)
    at = start
    while at < stop and (part := _WRITTEN.match(text, at, stop)) is not None:
        at = part.end()
    if at - start < SHORTEST or _VALUE_GOES_ON.match(text, at):
        return None
    value = text[start:at].rstrip(".:!*")
    if "&" in value:
        value = _ENTITIES.sub(
            lambda m: _ENTITY[m[1]] if m[1] else chr(int(m[2]) if m[2] else int(m[3], 16)), value
        )
    if "\\" in value:
        value = _ESCAPED.sub(lambda m: chr(int(m[1], 16)) if m[1] else "", value)
    if "%" in value:
        value = _PERCENT.sub(lambda m: chr(int(m[1], 16)), value)
    return value


# --- users --------------------------------------------------------------------------------------

# Names and passwords exclude what ends a host, and what stands between two URLs or around one.
# Neither may hold the slashes that begin the pattern, so that nothing is looked at twice
_NOT_IN_USER = r"\s/?\#@()\[\]<>\"`%\\"
_NOT_IN_TEXT_USER = "\u200b\u3000-\u303f\uff01-\uff0f\uff1a-\uff20"
_ESCAPES_IN_USER = r"%(?!(?:25)*(?:2[Ff0]|3[Ff]))|\\[_*~.-]"


def _user_info(also_not: str) -> str:
    name = rf"[^{_NOT_IN_USER}:,;|{also_not}]"
    password = rf"[^{_NOT_IN_USER}{also_not}]"
    name = rf"{name}*(?:(?:{_ESCAPES_IN_USER}){name}*)*"
    password = rf":{password}*(?:(?:{_ESCAPES_IN_USER}){password}*)*"
    return rf"(?P<scheme>:(?:\\{{0,8}}/){{2}})(?!@)(?:{name}(?:{password})?@)+"


_USER_INFO = re.compile(_user_info(_NOT_IN_TEXT_USER))
_ENCODED_USER_INFO = (
    rf"(?P<scheme>%(?:25){{0,3}}3[Aa](?:{_PERCENT_SLASH}){{2}})"
    r"[A-Za-z0-9_.~*!+-]*(?:%(?!(?:25)*(?:2[023Ff6]|3[DFdf]|40))[A-Za-z0-9_.~*!+-]*)*%(?:25){0,3}40"
)
_PERCENT_USER_INFO = re.compile(_ENCODED_USER_INFO)

# --- paths --------------------------------------------------------------------------------------

_S = rf"(?:{_SLASHES})"
_CLOUDINARY = r"s--(?:[\w-]|\\[_-]){6,40}--(?![\w-])"
_ORACLE = rf"p{_S}(?![a-z-]+{_S})[\w-]{{20,200}}(?=(?:{_S}{_CLOUDINARY}){{0,3}}{_S}n{_S})"
# What Rails and others sign themselves; links that Dropbox opens for some hours
_SELF_SIGNED = (
    r"eyJ(?:[A-Za-z0-9_-]{16,2000}(?:=|%(?:25){0,3}3D){0,2}--[0-9a-f]{40,64}(?![0-9a-f])"
    r"|[\w-]{8,2000}\.[\w-]{4,4000}\.[\w-]{8,2000})"
    rf"|(?:apitl{_S}1|cd{_S}0{_S}[a-z0-9]{{3,10}}){_S}[\w-]{{80,2000}}"
)
# nginx and those who took after it: a digest, and when it expires
_TIME_IN_PATH = r"(?:1[0-9]{9}|20[0-9]{10}|6[0-9a-f]{7})"
_TIMED = (
    rf"(?P<timed>[\w-]{{22,64}})(?={_S}{_TIME_IN_PATH}{_S})"
    rf"|{_TIME_IN_PATH}{_S}[0-9a-f]{{32}}(?={_S})"
)
_CALENDAR = r"private-[0-9a-f]{20,64}(?![0-9A-Za-z])"
# Addresses that messengers give to programs: Slack, Discord, Telegram
_HOOK = (
    rf"(?:services|workflows|triggers)(?={_S}[TE][0-9A-Z]{{6,}}{_S})(?:{_S}[\w-]{{6,100}}){{2,6}}"
    rf"|webhooks{_S}[0-9]{{10,25}}{_S}[\w-]{{40,100}}"
    r"|bot[0-9]{6,12}(?::|%(?:25)*3[Aa])[\w-]{30,60}"
)
_AFTER_SLASH = (
    rf"(?:(?P<grant>{_CLOUDINARY}|{_ORACLE}|{_CALENDAR}|{_SELF_SIGNED}|{_HOOK}|{_TIMED})"
    # Parameters within a path: Bunny, Akamai, Vimeo
    rf"|(?P<name>[A-Za-z_][A-Za-z_\\]{{1,30}})(?:=|{_PERCENT_EQUALS}))"
)
# Most slashes are those of tags
_PATH = re.compile(rf"/(?<!</){_AFTER_SLASH}", re.ASCII)
_ENCODED_PATH = re.compile(rf"{_PERCENT_SLASH}{_AFTER_SLASH}", re.ASCII)
_PATH_VALUE: Final = {
    "/": re.compile(r"(?:[\w.~:!*=&+,%@$-]+|;(?=\w)|\\[_*~.&=-])+", re.ASCII),
    "\\": re.compile(r"(?:[\w.~:!*=&+,%@$-]+|\\u00\w\w)+", re.ASCII),
    # an escape that is escaped again is the value's own
    "%": re.compile(r"(?:[\w.~:!*+,@$-]+|%(?!2[Ff023]|3[Ff]))+", re.ASCII),
}
_DIGIT = re.compile("[0-9]")
_SHORTEST_SEGMENT: Final = 6
_PATH_SIGNATURE = re.compile(
    r"hmac\\?(?:=|%(?:25)*3[Dd])|(?:md5|sig|signature|token)=|(?:,|%2C)e(?:=|%3D)[0-9]{10}"
)
_TOKEN_PATH_NAMES: Final = frozenset({"exp", "st", "expires", "ip", "e"})

# --- the fields of a form that uploads to a store, as JSON ---------------------------------------

_STORE_FIELD = (
    r"(?P<field>(?P<escapes>\\{0,8})\"(?:(?i:x-(?:amz|goog)-(?:signature|security-token|credential)"
    r"|awsaccesskeyid|googleaccessid)%s)(?P=escapes)\"\s*:\s*(?P=escapes)\")"
)
_IS_FORM = re.compile(_STORE_FIELD % "")
# Without its signature the policy opens nothing, but both are called what much else is called
_FORM_FIELD = re.compile(
    _STORE_FIELD
    % "|signature(?=[^:]{1,20}:[^:]{0,20}[\\w+/=-]{20})|policy(?=[^:]{1,20}:[^:]{0,20}eyJ)"
    + r"(?!\[redacted\])[^\"\\]+"
)

# --- the whole ----------------------------------------------------------------------------------

_FORM_SIGN = r"\"(?i:x-(?:amz|goog)-|awsaccesskeyid|googleaccessid)"
# As `_PATH` has them, but for what follows
_GRANT_PATH = (
    rf"(?:s--[\w\\-]{{6,80}}--|p{_S}[\w-]{{20,200}}{_S}|private-[0-9a-f]{{20}}|eyJ[\w=-]{{8}}"
    rf"|(?:apitl{_S}1|cd{_S}0){_S}|[\w-]{{22,64}}{_S}{_TIME_IN_PATH}{_S}"
    rf"|{_TIME_IN_PATH}{_S}[0-9a-f]{{32}}{_S}"
    rf"|(?:services|workflows|triggers){_S}[TE]|webhooks{_S}[0-9]|bot[0-9]{{6}})"
)
_MAY_BE_PATH = rf"/(?<!</)(?=[a-z0-9A-Z_]){_GRANT_PATH}"
_MAY_BE_ENCODED_PATH = rf"{_PERCENT_SLASH}{_GRANT_PATH}"


def _in_bytes(pattern: str) -> re.Pattern[bytes]:
    return re.compile(pattern.encode())


# What `without_grants` may change has one of these signs, and then fits the pattern behind it. In
# bytes the signs that only a text can tell apart belong to a user's name, and nothing is known of
# what follows: more is found, never less
UNCLEAN: Final = (
    (b"=", None),
    (b"\\", _in_bytes(_JSON_EQUALS)),
    (b"%", _in_bytes(_PERCENT_EQUALS)),
    (b"&", _in_bytes(_ENTITY_EQUALS)),
    (b"@", _in_bytes(_user_info(""))),
    (b"%", _in_bytes(_ENCODED_USER_INFO)),
    *((sign, _in_bytes(_MAY_BE_PATH)) for sign in (b"://", b"\\", b"/s--", b"/n/")),
    (b"%", _in_bytes(_MAY_BE_ENCODED_PATH)),
    (b'"', _in_bytes(_FORM_SIGN)),
)
_IN_TEXT: Final = tuple(
    (sign, re.compile(pattern))
    for sign, pattern in (
        # Nearly every text has a slash: a URL's scheme, or what Cloudinary and Oracle write without
        ("://", _MAY_BE_PATH),
        ("\\", _MAY_BE_PATH),
        ("/s--", _MAY_BE_PATH),
        ("/n/", _MAY_BE_PATH),
        ("%", rf"{_PERCENT_EQUALS}|{_PERCENT_SLASH}"),
        ("\\", _JSON_EQUALS),
        ("&", _ENTITY_EQUALS),
        ('"', _FORM_SIGN),
    )
)
_MAY_BE_FORM = re.compile(_FORM_SIGN)


def may_grant(text: str) -> bool:
    """Whether `without_grants` may change a text: quickly, and True in doubt."""
    # To look for one character is quick, to look for several is not
    if "=" in text:
        return True
    for sign, pattern in _IN_TEXT:
        if sign in text and pattern.search(text):
            return True
    return "@" in text and _USER_INFO.search(text) is not None


def without_grants(text: str) -> str:
    """A text whose URLs open nothing: without users, signatures and paths that grant access.

    Args:
        text: Without U+0000 and lone surrogates.

    Returns:
        The text; the same object where nothing is to be done.
    """
    if "@" in text:
        text = _USER_INFO.sub(r"\g<scheme>", text)
    if "%" in text:
        text = _PERCENT_USER_INFO.sub(r"\g<scheme>", text)
        text = _without_path_grants(text, _ENCODED_PATH)
    if "/" in text:
        text = _without_path_grants(text, _PATH)
    text = _without_signed_queries(text)
    if '"' in text and _MAY_BE_FORM.search(text) and _IS_FORM.search(text):
        text = _FORM_FIELD.sub(lambda m: m["field"] + REDACTED, text)
    return text


def _without_path_grants(text: str, pattern: re.Pattern[str]) -> str:
    found = pattern.search(text)
    if found is None:
        return text
    kept: list[str] = []
    done = 0
    while found is not None:
        begin, end = found.span()
        while begin > done and text[begin - 1] == "\\":
            begin -= 1
        if found["name"] is not None:
            end = _segment_end(text, found, text[begin])
        elif found["timed"] is not None and not looks_random(found["timed"], SHORTEST):
            end = -1
        if end > begin:
            kept.append(text[done:begin])
            done = end
        found = pattern.search(text, max(end, found.end()))
    return "".join((*kept, text[done:])) if kept else text


def _segment_end(text: str, found: re.Match[str], slash: str) -> int:
    """Where a segment such as `/bcdn_token=…&expires=…` ends; -1 if it stays.

    Args:
        text: The whole.
        found: Its beginning.
        slash: How its slash is written, the first character of it.
    """
    name = found["name"].replace("\\", "")
    grants_access = kind_of(name) is Kind.GRANT
    if grants_access or name in _TOKEN_PATH_NAMES:
        value = _PATH_VALUE[slash].match(text, found.end())
        if (
            value is not None
            and len(value[0]) >= _SHORTEST_SEGMENT
            and (_DIGIT.search(value[0]) if grants_access else _PATH_SIGNATURE.search(value[0]))
        ):
            return value.end()
    return -1


def _without_signed_queries(text: str) -> str:
    parameter = _PARAMETER.search(text)
    if parameter is None:
        return text
    kept: list[str] = []
    done = 0  # what lies before is in `kept`, or cut out
    looked = 0  # how far the present run, which no space or quote interrupts, was looked at
    slash = False  # whether that run has a slash, as URLs have
    query, query_end = -1, -1  # the first query string in the run that may reach the parameter
    judged = -1  # the query string of which is known:
    expires = leads = False  # whether it says when the URL expires, and where it leads
    while parameter is not None:
        at, value = parameter.span()
        kind = kind_of(parameter["name"])
        alone = is_named = kind is Kind.GRANT or kind is Kind.STORE
        if is_named and text.startswith(_NO_GRANTS, value):
            parameter = _PARAMETER.search(text, value)
            continue
        if not is_named:
            content = None if kind is Kind.HARMLESS else _value(text, value)
            if content is None or not (
                (alone := grants(kind, content, expires=False))
                or grants(kind, content, expires=True)
            ):
                parameter = _PARAMETER.search(text, value)
                continue
        begin = at
        while begin > looked and text[begin - 1] not in _URL_ENDS:
            begin -= 1
        if begin > looked:
            looked, slash, query, query_end = begin, False, -1, -1
        slash = slash or _SLASH.search(text, looked, at) is not None
        sought = max(looked, query_end)
        while (
            query_end < at
            and (start := _QUERY_START.search(text, sought, parameter.end("separator"))) is not None
        ):
            query, query_end = start.start(), _query_end(text, start.end())
            sought = query_end
        looked = at

        # `a?token=b` may be anything, a line of code for one
        is_signed = slash or kind is Kind.STORE
        if is_signed and not is_named:
            if query_end < at:
                is_signed = alone
            else:
                if judged != query:
                    judged = query
                    expires, leads = _company(text, query, query_end)
                # What is encoded stands in the URL that it leads to
                is_redirect = leads and parameter["separator"][0] != "%"
                is_signed = expires or (alone and (kind is Kind.KEY or not is_redirect))
        if is_signed and query_end >= at:
            begin, end = query, max(query_end, value)
        elif is_signed and parameter["name"].lower() in _SESSIONS:
            # It belongs to the path
            begin, end = at, _path_value_end(text, value)
        elif is_signed and (
            kind is Kind.STORE or parameter["separator"].lower() not in _SEMICOLONS
        ):
            # No query string reaches up to here: this parameter goes, and those after it
            begin, end = at, _query_end(text, value)
        elif (
            is_signed
            and (end := _path_value_end(text, value)) - value >= SHORTEST
            and looks_random(text[value:end], SHORTEST)
        ):
            begin = at
        else:
            parameter = _PARAMETER.search(text, value)
            continue
        while end > value and text[end - 1] in _PUNCTUATION:
            end -= 1
        kept.append(text[done:begin])
        done = looked = end
        query, query_end = -1, -1
        parameter = _PARAMETER.search(text, end)
    if not kept:
        return text
    kept.append(text[done:])
    return "".join(kept)


def _query_end(text: str, start: int) -> int:
    # A loop and not a repeated group: the regex engine keeps a record of each repetition
    while (stretch := _STRETCH.match(text, start)) is not None:
        start = stretch.end()
    return start


def _path_value_end(text: str, start: int) -> int:
    """Where the value of a parameter ends that belongs to the path, as behind a semicolon."""
    value = _SESSION.match(text, start, start + LONGEST)
    return value.end() if value else start


def _company(text: str, start: int, end: int) -> tuple[bool, bool]:
    """Whether a query string says when its URL expires, and whether it says where it leads."""
    expires = leads = False
    for parameter in _PARAMETER.finditer(text, start, end):
        value = _TIME.match(text, parameter.end(), end)
        if value is not None:
            plain = _PERCENT.sub(lambda m: chr(int(m[1], 16)), value[0])
            expires = expires or says_expiry(parameter["name"], plain)
            leads = leads or leads_on(parameter["name"], plain)
    return expires, leads
