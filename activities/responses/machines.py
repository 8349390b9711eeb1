"""Who is no reader: scanners that open every link before a mail is delivered, proxies and previews (STEP_24).

Only who is known for it is named here. A program that fetches a page for somebody, such as curl, may be that somebody.
"""

import re

_KNOWN = re.compile(
    # What looks into mails on their way in.
    r"barracuda|proofpoint|mimecast|messagelabs|symantec|fireeye|ironport|trend ?micro|sophos|forcepoint|zscaler"
    r"|cloudmark|fortiguard|vade ?secure|safelinks|office protocol discovery|microsoft office existence discovery"
    r"|urlscan|virustotal|phishtank|avira|kaspersky|bitdefender|f-secure|withsecure"
    # What fetches pictures for all its readers, whether they look or not.
    r"|googleimageproxy|ggpht|yahoomailproxy|yahoo ad monitoring|mail\.ru"
    # What shows a preview of a link that somebody passes on, and what reads the whole web.
    r"|bingpreview|slackbot|facebookexternalhit|twitterbot|linkedinbot|whatsapp|telegrambot|skypeuripreview|discordbot"
    r"|bot/|crawler|spider",
    re.IGNORECASE,
)
# All that Apple's mail privacy protection says of itself.
_NAMELESS = "Mozilla/5.0"


def is_machine(agent: str) -> bool:
    """Whether a User-Agent is of a known scanner, proxy or preview."""
    return agent.strip() == _NAMELESS or _KNOWN.search(agent) is not None
