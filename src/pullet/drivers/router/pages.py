"""Pages of Pullet's own: what a visitor reads when no app answers. Pure: words in, HTML, JSON or plain text out."""

from __future__ import annotations

import html
import json

_STYLE = (
    ":root{color-scheme:light dark}"
    "body{margin:0;min-height:100vh;display:grid;place-items:center;font:16px/1.5 system-ui,sans-serif;"
    "background:Canvas;color:CanvasText}"
    "main{box-sizing:border-box;max-width:40rem;width:100%;padding:2rem 1.25rem;overflow-wrap:anywhere}"
    "h1{font-size:1.5rem;line-height:1.25;margin:.25rem 0 1rem}"
    "p{margin:.5rem 0;white-space:pre-wrap}"
    "small{opacity:.7}"
)


def html_page(status: int | str, title: str, message: str, note: str = "") -> str:
    """A whole small document; every text is escaped."""
    words = html.escape(title), html.escape(message), html.escape(note)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="robots" content="noindex">'
        f"<title>{words[0]}</title><style>{_STYLE}</style></head>"
        f"<body><main><small>{html.escape(str(status))}</small><h1>{words[0]}</h1><p>{words[1]}</p>"
        f"<p><small>{words[2]}</small></p></main></body></html>\n"
    )


def json_page(status: int, title: str, message: str) -> str:
    return json.dumps({"status": status, "title": title, "message": message}) + "\n"


def text_page(status: int, title: str, message: str) -> str:
    return f"{status} {title}\n\n{message}\n"


def every_form(status: int, title: str, message: str) -> dict[str, str]:
    """File name -> content, one for each type a client may accept."""
    note = "The owner sees more with `pullet status`."
    return {
        "page.html": html_page(status, title, message, note),
        "page.json": json_page(status, title, message),
        "page.txt": text_page(status, title, message),
    }


def unreachable(app: str) -> tuple[str, str]:
    """(title, message) for a release that is routed and does not answer."""
    return (
        f"{app} does not answer right now",
        "It may be restarting. Try again in a few seconds.",
    )


# Caddy fills in the host, which its route has checked to be made of name characters only.
UNKNOWN_HOST = html_page(
    404,
    "Nothing is deployed here",
    "No app on this server answers to the name {http.request.host}.",
    "`pullet status` lists the addresses that lead somewhere.",
)
BAD_HOST = html_page(404, "Nothing is deployed here", "The name in the address is not one that an app can have.")
OTHER_ERROR = html_page(
    "{http.error.status_code}", "{http.error.status_text}", "The router could not pass this request on. Try again."
)
