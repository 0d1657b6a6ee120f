"""TLS reporting records (RFC 8460 section 3): which addresses they name, and ours put beside them."""

from domains.taglist import BadTagList, parse_tag_list, serialise_tag_list


def is_reporting_record(text: str) -> bool:
    """True when the text begins as a TLS reporting record does."""
    return text.lower().replace(" ", "").startswith("v=tlsrptv1")


def _tags(text: str) -> dict[str, str]:
    try:
        return parse_tag_list(text)
    except BadTagList:
        return {}


def _uris(text: str) -> list[str]:
    return [uri.strip() for uri in _tags(text).get("rua", "").split(",") if uri.strip()]


def asks_all(found: str, ours: str) -> bool:
    """True when the record found names every address of ours."""
    named = {uri.lower() for uri in _uris(found)}
    return _tags(found).get("v") == "TLSRPTv1" and all(uri.lower() in named for uri in _uris(ours))


def merge_reporting(found: str, ours: str) -> str:
    """Return the one record to publish: the addresses that are there, and ours; an unreadable one is replaced."""
    uris = _uris(found)
    named = {uri.lower() for uri in uris}
    both = [*uris, *(uri for uri in _uris(ours) if uri.lower() not in named)]
    return serialise_tag_list({"v": "TLSRPTv1", "rua": ",".join(both)})
