r"""What a URL says about where a page lives: its registered domain, its canonical key.

Owns `registered_domain` (who publishes, by the public suffix list *with* its private
section, so that `a.github.io` and `b.github.io` are two) and `url_key` (which captures
are of one page). Reads only the list that `publicsuffixlist` ships; no network. Both are
total: any string gives a string.

The trade: `url_key` is for finding duplicates by address alone, so a rule is here only
where two addresses that it merges show the same page nearly always. The rules, and what each
may wrongly merge:

====================================================== =====================================
http, https and user names dropped                     none known
host lower-cased, IDNA, without `www.`, port 80 or 443 a site with other pages under `www.`:
                                                       rare, and old
fragment dropped                                       single-page sites (`#!/page`): the
                                                       crawler never sends a fragment either
`.` and `..` resolved, `//` in paths made `/`          servers that read a URL in the path
`/index.html`, `/index.php` … and a final `/` dropped  a folder and a file of one name
`;jsessionid=…` in paths, session ids in queries       none: they name a visit, not a page;
                                                       `s` and `sid` only with 32 hex digits
tracking parameters dropped                            none: they name how somebody came;
                                                       `ref`, `source`, `id` stay: on code
                                                       hosts and in shops they choose the page
parameters sorted, `a=` made `a`                       servers for which order matters
%-escapes: upper case, none for letters, digits, -._~  none (RFC 3986 section 6.2.2)
====================================================== =====================================

The case of paths and queries is kept: on wikis it tells pages apart.
"""

from __future__ import annotations

import contextlib
import ipaddress
import re
from functools import lru_cache

from publicsuffixlist import PublicSuffixList

_SUFFIXES = PublicSuffixList(accept_unknown=True, only_icann=False)
_HOSTS_CACHED = 1 << 16  # chosen: about 10 MB; links of a page mostly go to few hosts

# RFC 3986 appendix B; the scheme is optional, so that a key is its own key.
_URL = re.compile(r"(?:([A-Za-z][A-Za-z0-9+.\-]*)://)?([^/?#]*)([^?#]*)(?:\?([^#]*))?")
_IGNORED_CHARACTERS = re.compile(r"[\t\n\r]")  # WHATWG URL, basic parser, step 3
_PORT = re.compile(r"(?::[0-9]*)+$")
_IPV6_HOST = re.compile(r"\[[0-9a-f:.]*\]")  # RFC 3986 section 3.2.2
_NUMERIC_HOST = re.compile(r"[0-9.]+")

# An escape, or a character that needs one: outside RFC 3986's unreserved and reserved sets.
_ESCAPABLE = re.compile(r"%([0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~:/?@!$&'()*+,;=\[\]]", re.DOTALL)
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")

_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid|sessionid|sid)=[^/;]*", re.IGNORECASE)
# The default documents of Apache's DirectoryIndex, nginx and IIS examples.
_INDEX_FILE = re.compile(
    r"/(?:index\.(?:html?|xhtml|shtml|php[345]?|aspx?|jsp|cgi|cfm)|default\.(?:html?|aspx?))$",
    re.IGNORECASE,
)

# Parameters that record how a visitor came. Sources: the vendors' own documentation (Google
# Analytics and Ads, Meta, Microsoft, Yandex, HubSpot, Mailchimp, Marketo, Alibaba), and
# `replytocom`, WordPress's link to a comment form on the same page.
_TRACKING = frozenset(
    """fbclid fb_action_ids fb_action_types fb_ref fb_source gclid gclsrc dclid gbraid wbraid
    srsltid _ga _gl msclkid yclid ysclid _openstat twclid ttclid igsh igshid li_fat_id mc_cid
    mc_eid mkt_tok _hsenc _hsmi __hssc __hstc __hsfp hsctatracking oly_anon_id oly_enc_id
    vero_conv vero_id s_cid rb_clickid spm ref_src replytocom""".split()  # noqa: SIM905
)
_TRACKING_PREFIXES = ("utm_", "pk_", "mtm_", "hsa_")  # Google, Matomo twice, HubSpot Ads
_SESSION = frozenset(
    """phpsessid jsessionid sessionid session_id cfid cftoken oscsid zenid""".split()  # noqa: SIM905
)
_SHORT_SESSION = frozenset(["s", "sid"])  # vBulletin and phpBB, always an MD5
_MD5 = re.compile(r"[0-9a-fA-F]{32}")


def host_of(url: str) -> str:
    """Return the host of an absolute URL, lower-cased, in ASCII (IDNA); '' without one."""
    parts = _URL.match(url.strip())
    if parts is None or parts[1] is None:
        return ""
    return _host_and_port(parts[2])[0]


def registered_domain(url: str) -> str:
    """Return the registered domain of an absolute URL, '' where it has no host.

    That is the public suffix and one label: `math.example.co.uk` gives `example.co.uk`. A host
    that is itself a public suffix, an IP address and `localhost` stand for themselves.
    """
    return _domain_of_host(host_of(url))


def url_key(url: str) -> str:
    """Return the canonical form by which two URLs count as one page; see the module's table.

    Idempotent. The form has no scheme (`example.com/path?a=1`) and is not meant for fetching.
    """
    parts = _URL.match(_IGNORED_CHARACTERS.sub("", url.strip()))
    if parts is None:
        return ""
    scheme = (parts[1] or "").lower()
    host, port = _host_and_port(parts[2])
    while host.startswith("www.") and "." in host[4:]:
        host = host[4:]
    key = host if port in ("", "80", "443") else f"{host}:{port}"
    key += _canonical_path(parts[3])
    query = _canonical_query(parts[4] or "")
    if query:
        key += f"?{query}"
    return key if scheme in ("", "http", "https") else f"{scheme}://{key}"


@lru_cache(maxsize=_HOSTS_CACHED)
def _domain_of_host(host: str) -> str:
    if _is_address(host) or "." not in host:
        return host
    return _SUFFIXES.privatesuffix(host) or host


def _is_address(host: str) -> bool:
    if not host.startswith("[") and not _NUMERIC_HOST.fullmatch(host):
        return False
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


@lru_cache(maxsize=_HOSTS_CACHED)
def _host_and_port(authority: str) -> tuple[str, str]:
    """Split `user@host:port`; the host comes lower-cased and in ASCII, without a last dot."""
    host = authority.rpartition("@")[2]
    port = ""
    if found := _PORT.search(host):
        host, port = host[: found.start()], found[0].rpartition(":")[2].lstrip("0")
    host = host.lower()
    if not host.isascii():
        with contextlib.suppress(UnicodeError):  # no valid name: escaped below, stays one string
            host = host.encode("idna").decode("ascii").lower()
    if not _IPV6_HOST.fullmatch(host):
        host = _escape(host).lower().replace(":", "%3a")
        host = ".".join(label for label in host.split(".") if label)
    return host, port


def _canonical_path(path: str) -> str:
    segments: list[str] = []
    for segment in _PATH_SESSION.sub("", _escape(path)).split("/"):
        if segment == "..":
            del segments[-1:]
        elif segment not in ("", "."):
            segments.append(segment)
    path = "".join(f"/{segment}" for segment in segments)
    while found := _INDEX_FILE.search(path):
        path = path[: found.start()]
    return path


def _canonical_query(query: str) -> str:
    kept: list[tuple[str, str]] = []
    for pair in query.split("&"):
        name, _, value = (_escape(part) for part in pair.replace("+", "%20").partition("="))
        if not (name or value) or _names_a_visit(name.lower(), value):
            continue
        kept.append((name, value))
    return "&".join(f"{name}={value}" if value else name for name, value in sorted(kept))


def _names_a_visit(name: str, value: str) -> bool:
    if name in _TRACKING or name in _SESSION or name.startswith(_TRACKING_PREFIXES):
        return True
    if name.startswith("aspsessionid"):
        return True
    return name in _SHORT_SESSION and _MD5.fullmatch(value) is not None


def _escape(text: str) -> str:
    """Normalise %-escapes; one pass, and what it writes it leaves alone the next time."""
    return _ESCAPABLE.sub(_escape_one, text)


def _escape_one(found: re.Match[str]) -> str:
    digits = found[1]
    if digits is None:
        return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "surrogatepass"))
    byte = int(digits, 16)
    return chr(byte) if byte in _UNRESERVED else f"%{digits.upper()}"
