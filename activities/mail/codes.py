"""What mail servers' refusals mean (RFC 5321, 3463): nobody is reached there, or is it about something else?"""

import re

_ENHANCED = re.compile(r"\s*([245])\.(\d{1,3})\.(\d{1,3})\b")
# Detail codes, by subject, that say there is no such mailbox (any more). All else is about us, the mail, a policy.
_NOBODY_THERE = {0: {0}, 1: {0, 1, 2, 3, 6, 9, 10}, 2: {1}, 4: {1, 4}}
# Where a server says no more than these, they are about the mailbox; 556: the domain takes no mail.
_NOBODY_THERE_PLAIN = {550, 551, 553, 556}


def is_nobody_there(status: str) -> bool:
    """Whether a status such as 5.1.1 says for good that this recipient is not reached."""
    found = _ENHANCED.match(status)
    return found is not None and found[1] == "5" and int(found[3]) in _NOBODY_THERE.get(int(found[2]), ())


def refuses_recipient(code: int, text: str) -> bool:
    """Whether the answer to RCPT, or to the mail itself, says so; `text` begins with the status if there is one."""
    if _ENHANCED.match(text):
        return code >= 500 and is_nobody_there(text)
    return code in _NOBODY_THERE_PLAIN
