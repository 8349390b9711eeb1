"""Rich text: HTML as people write it into agendas and requests, safe to be shown wherever it goes."""

import nh3


def clean(html: str) -> str:
    """The HTML without what could act: scripts, styles, forms, handlers, addresses other than of the web and mail.

    Text, lists, tables, links and images stay. Cleaned again it is the same.
    """
    return nh3.clean(html, url_schemes={"http", "https", "mailto", "tel"})
