"""Which parameters of a URL grant access: by their names, their values, and their company.

Three kinds of names are known: those that say what they are (`signature`, `token`), those that say
that they are something else (`docid`, `utm_source`), and names of things, whose values look random
because they are digests (`sha`, `rev`). A parameter under any other name grants access if its
value looks drawn at random and is long; if the URL says when it expires, it need not be as long.
"""

from __future__ import annotations

import base64
import enum
import functools
import re
from typing import Final


class Kind(enum.Enum):
    """What the name of a parameter says."""

    STORE = "it signs, wherever it stands"
    GRANT = "it grants access"
    KEY = "it may be a key"
    SIGN = "it is short for a signature, and for much else"
    OTHER = "nothing"
    THING = "it is a thing's, or its version's"
    HARMLESS = "it grants nothing"


# --- names --------------------------------------------------------------------------------------

_STORE = re.compile(r"x-(?:amz|goog|oss|tos|cos|obs|bce|ms)-[a-z0-9-]{1,40}")
_GRANT = re.compile(
    r"(?:.*[-_.\[])?(?:"
    r"[a-z0-9]{0,20}(?:signature|token|secret|password|api[-_]?key|access[-_]?key(?:[-_]?id)?)"
    r"|sig|jwt|hmac|auth|authorization|credentials?|passwd|pwd|sas"
    r"|(?:auth|subscription|secret|private|signing|functions)[-_]?key"
    r")[_\]]{0,2}"
    r"|googleaccessid|key-pair-id"
    # SharePoint, Akamai, Dropbox, Google Drive, Upyun, Bilibili, YouTube; sessions
    r"|tempauth|hdn(?:ea|ts|tl|st)|rlkey|resourcekey|_upt|upsig|lsig"
    r"|jsessionid|phpsessid|aspsessionid[a-z]*"
)
# imgix, Facebook, nginx, Alibaba's and Tencent's networks, ImageKit
_SIGN = frozenset(
    {
        "s",
        "sg",
        "sign",
        "sgn",
        "hm",
        "hs",
        "k",
        "mac",
        "digest",
        "st",
        "ik-s",
        "oh",
        "ticket",
        "grant",
        "access",
        "pass",
    }
)
_THING = re.compile(
    r"(?:.*[-_.])?(?:"
    r"[a-z]*hash[a-z]?|sha|sha[-_]?(?:1|2|256|512)|md5|etag|checksum|chksm|sn|crc|digest|sum|fingerprint|fp"
    r"|v|ver|version|rev|revision|commit|branch|tag|build|at|cb|cache|cachebuster|bust|nocache"
    r"|doc|document|file|filename|attachment|article|item|node|page|record|asset|object|obj|media"
    r"|image|img|frame|pic|photo|video|list|playlist|album|post|story|topic|thread|message|msg|product"
    r"|sku|isbn|doi|pii|pmc|arxiv|bibcode|handle|urn|case|docket|folder|dir|path|name|title|slug"
    r"|label|category|section|chapter|volume|issue|edition|variant|component|entity|model|key"
    r"|collection|dataset|table|view|report|project|repo|package|release|event|course|user|author"
    # gitweb has commits under these
    r"|t|_|h|hp|hb"
    r")"
)
_HARMLESS = re.compile(
    # ids by any name: gclid, fbclid, docId, uuid, guid, igshid, cvid
    r".*(?:id|ids|guids?|uuids?)(?:_?[0-9])?"
    # what search engines, shops and networks follow their visitors by
    r"|(?:utm|pd_rd|pf_rd|mtm|pk|piwik|hsa|sca|gs|mc|mkt|trk|elq|oly|vero|dm|cm|ns|at|wt|ga|ref|cft"
    r"|fb|tw|li|tt|yclid|itm|int|icid|algo|pdp|aff|irclick|sc|ck|ml|hs|inf|bta|sb|wc|ul)[-_].+"
    r"|_{1,2}(?:hs|ga|gl|gac|cft|tn|xts|branch|openstat|ke|kx|bta|s$).*"
    r"|.*(?:track|click|campaign|referr?er|analytics|attribution|marketing|utm|affiliate).*"
    r"|.*(?:braid|dib|trkparms|amdata|promo|coupon|locale|lang|language|currency|country)"
    r"|(?:ved|ei|sxsrf|usg|iflsig|rlz|aqs|oq|biw|bih|uact|sclient|pb|data|q|query|search|text|p|u"
    r"|g_ep|g_st|ucfs|cvid|hsh|ptn|psq|si|feature|context|ct|igsh|xmt|spm|scm|mkevt|mkcid|epid"
    r"|linkid|linkcode|pvid|eid|cjevent|awc|ransiteid|wickedid|hmb_campaign|lipi|sh|share_from"
    r"|url|uri|u1|link|elq|rcm|ai|qs|upn|ts|fr|plkey|sdata|adurl|[a-z_]+_source|enrich[a-z]*|[a-z]*origin|href|redirect|redirect_ur[il]|return|return_?to|return_?url|next|continue"
    r"|callback|dest|destination|goto|target|source|src|from|to|origin|host|domain|site|ref|via"
    r"|state|nonce|cursor|after|before|offset|start|filter|filters|facets?|sort|order|where|fields"
    r"|refinements|criteria|selection|bbox|coords?|geo|polyline|shape|fonts?|family|colou?rs?|csl"
    r"|body|subject|description|message|comment|summary|mkt_tok|itok|sfns|mibextid|cmpid|cid"
    r"|guce_referrer_sig|sca_esv|entry|pwa|ncid|smtyp|gaa_at|sr_share|wprov|fields?|tpl|template)"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_LONGEST_NAME: Final = 80


@functools.lru_cache(maxsize=4096)
def kind_of(name: str) -> Kind:
    """What a parameter's name says.

    Args:
        name: As it stands in the text, at most 80 characters; Markdown may have escaped it.
    """
    plain = name.replace("\\", "").strip("$[]")
    lower = plain.lower()
    if _STORE.fullmatch(lower):
        return Kind.STORE
    if lower in {"guce_referrer_sig", "mkt_tok", "shared_auth", "authuser"}:
        return Kind.HARMLESS
    if _GRANT.fullmatch(lower.lstrip("_")) or _GRANT.fullmatch(lower):
        return Kind.GRANT
    if lower == "key":
        return Kind.KEY
    if lower in _SIGN:
        return Kind.SIGN
    if _HARMLESS.fullmatch(lower):
        return Kind.HARMLESS
    words = _CAMEL.sub("_", plain).lower()
    if _HARMLESS.fullmatch(words):
        return Kind.HARMLESS
    return Kind.THING if _THING.fullmatch(words) or _THING.fullmatch(lower) else Kind.OTHER


# --- values -------------------------------------------------------------------------------------

# Shorter than this nothing is judged by its looks
SHORTEST: Final = 16
LONGEST: Final = 4096
_ENOUGH_BY_NAME: Final = 20
_ENOUGH: Final = 32
# How much of a random text may be words by chance: a text that expires is no title
_WORDS_BY_CHANCE: Final = 0.6
_WORDS_IF_IT_EXPIRES: Final = 0.8
_KEY = re.compile(r"[\w-]{20}", re.ASCII)

_HEX = re.compile(r"(?:[0-9a-f]+|[0-9A-F]+)")
_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_TOKEN = re.compile(r"[A-Za-z0-9+/_.~:!*-]+={0,3}")
# Tokens that name their issuer, JSON web tokens, and what starts with the time of its end
_UNMISTAKABLE = re.compile(
    r"eyJ[\w-]{8,}\.[\w-]{4,}\.[\w-]{8,}"
    r"|xox[a-z]-[\w-]{10,}|gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{16,}|ya29\.[\w-]{20,}"
    r"|sk-[\w-]{20,}|AIza[\w-]{30,}|(?:AKIA|ASIA)[A-Z0-9]{16}"
    r"|(?:st|exp|ip)=?[^~]{1,80}~.{0,2000}hmac=?[0-9a-f]{8,}"
    # Rails
    r"|eyJ[\w+/-]{16,2000}={0,2}--[0-9a-f]{40,64}"
    r"|1[0-9]{9}[-_:~.][A-Za-z0-9+/_=:-]{16,}",
    re.ASCII,
)
_PIECE = re.compile(r"[A-Za-z0-9]+")
_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[a-z0-9])|(?<=[0-9])(?=[A-Za-z])")
# A word as people write it, or a number
_WORD = re.compile(r"[A-Z]?[a-z]{3,}|[A-Z]{4,}|[0-9]{5,}")


def looks_random(value: str, least: int, words: float = _WORDS_BY_CHANCE) -> bool:
    """Whether a text of at least so many characters looks drawn at random.

    Words, numbers and UUIDs do not: the first two change seldom between small letters, capitals
    and digits, and a UUID is an id.

    Args:
        value: The text.
        least: Characters.
        words: The largest share of it that may look like words.
    """
    value = value.rstrip("=")
    if len(value) < least or _UUID.fullmatch(value):
        return False
    if _HEX.fullmatch(value):
        return any(map(str.isdigit, value)) and not value.isdigit() and len(value) >= least
    letters = sum(map(len, _PIECE.findall(value)))
    changes = sum(1 for _ in _CHANGE.finditer(value))
    in_words = sum(map(len, _WORD.findall(value)))
    if value.lower() == value or value.upper() == value:
        return letters >= least * 3 // 4 and changes >= 0.25 * letters
    return letters >= least * 3 // 4 and changes >= 0.3 * letters and in_words <= words * letters


def _is_readable(value: str) -> bool:
    """Whether a value is text in base64, as trackers write where somebody came from."""
    try:
        start = base64.b64decode(value[:16], b"-_" if {"-", "_"} & set(value[:16]) else None)
    except ValueError:
        return False
    return len(start) == 12 and start.isascii() and start.decode().isprintable()


def grants(kind: Kind, value: str, *, expires: bool) -> bool:
    """Whether a parameter grants access, as far as its value tells.

    Args:
        kind: What its name says.
        value: Without the escapes of the text it stands in.
        expires: Whether the URL says when it expires.
    """
    if kind is Kind.GRANT or kind is Kind.STORE:
        return True
    if kind is Kind.KEY:
        return _KEY.match(value) is not None
    if kind is Kind.HARMLESS:
        return False
    if _UNMISTAKABLE.fullmatch(value):
        return True
    if not _TOKEN.fullmatch(value):
        return False
    if expires:
        return looks_random(value, SHORTEST, _WORDS_IF_IT_EXPIRES)
    if kind is Kind.THING or _is_readable(value):
        return False
    return looks_random(value, _ENOUGH_BY_NAME if kind is Kind.SIGN else _ENOUGH)


# --- company ------------------------------------------------------------------------------------

_EXPIRY_NAME = re.compile(
    r"(?:.*[-_])?(?:e|se|oe|ex|et|exp|expir\w*|ttl|until|deadline|nva|notafter|not_after|valid|etime"
    r"|valid_?(?:to|until|through|till)|end|end_?time|ws_?time|tx_?time|max_?age|x-expires)"
    r"|\w{0,12}expir(?:y|es?|ation)\w{0,12}"
)
_EPOCH = re.compile(r"[1-3][0-9]{9}(?:\.[0-9]+|[0-9]{3})?")
_HEX_EPOCH = re.compile(r"[4-9a-f][0-9a-f]{7}")
_DATE = re.compile(r"20[0-9]{2}-?[01][0-9]-?[0-3][0-9](?:[T +].*)?")
_SECONDS = re.compile(r"[0-9]{2,9}")
_LASTS = re.compile(r".*(?:expir|ttl|age).*")


_NAMES_URL = re.compile(r"u|q|url|uri|[a-z]{0,8}ur[il]|ued|to|target|dest(?:ination)?|redirect")


def leads_on(name: str, value: str) -> bool:
    """Whether a parameter has a URL: the one it stands in leads there, and is signed for that."""
    return value[:4].lower() == "http" and _NAMES_URL.fullmatch(name.lower()) is not None


@functools.lru_cache(maxsize=1024)
def _may_expire(name: str) -> bool | None:
    lower = name.replace("\\", "").lower()
    if not _EXPIRY_NAME.fullmatch(lower):
        return None
    return _LASTS.fullmatch(lower) is not None


def says_expiry(name: str, value: str) -> bool:
    """Whether a parameter says when its URL expires: `Expires=1700000000`, `oe=65A1B2C3`."""
    lasts = _may_expire(name)
    if lasts is None:
        return False
    return bool(
        _EPOCH.fullmatch(value)
        or _HEX_EPOCH.fullmatch(value.lower())
        or _DATE.fullmatch(value)
        or (lasts and _SECONDS.fullmatch(value))
    )
