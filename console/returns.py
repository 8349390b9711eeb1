"""`ferd read-mail`: what came back into a mailbox: bounces, complaints and answers, each told once (PART_2)."""

import mailbox
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from email import message_from_bytes
from pathlib import Path

from console.client import Api
from console.shell import Failure, as_json, say
from settings import Settings

_HEAD = 64 * 1024


def read_mail(settings: Settings, path: Path, *, json: bool) -> None:
    """Tell what a mailbox holds: an mbox file, a Maildir, or one mail. It is only read, and may be read again."""
    mails = list(_mails(path))
    counted: Counter[str] = Counter()
    with Api(settings) as api:
        for mail in mails:
            kind = "bounce" if _is_report(mail) else "reply"
            answer = api.call("POST", f"/hooks/{kind}", content=mail, media_type="message/rfc822")
            counted[kind] += answer["taken"]
    if json:
        as_json({"mails": len(mails), "reports": counted["bounce"], "answers": counted["reply"]})
    else:
        say(f"{len(mails)} mails read: {counted['bounce']} reports were new, {counted['reply']} were answers.", "bold")


def _mails(path: Path) -> Iterator[bytes]:
    try:
        if path.is_file() and not (mail := path.read_bytes()).startswith(b"From "):
            yield mail
            return
        box = mailbox.Maildir(path, create=False) if path.is_dir() else mailbox.mbox(path, create=False)
        with closing(box):
            for key in box.iterkeys():
                yield box.get_bytes(key)
    except (OSError, mailbox.Error) as error:
        what = getattr(error, "strerror", None) or "it is no mailbox"
        raise Failure(f"{path} cannot be read: {what}.", "Name an mbox file, a Maildir, or one mail.") from error


def _is_report(mail: bytes) -> bool:
    return message_from_bytes(mail[:_HEAD]).get_content_type() == "multipart/report"
