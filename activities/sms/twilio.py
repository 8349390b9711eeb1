"""SMS over HTTP, as Twilio's Messages API takes them, and whoever speaks like it; exact about what nobody can know.

An SMS counts as handed over once the request begins to be written. Whatever fails before is `NotDone`; an answer that
says so is `Done` or `NotDone`; no answer, or one that does not tell, is `Silence` (SAFE_2). Twilio takes no key for a
repetition; the effect's key goes along as Idempotency-Key for those who do.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import httpx2

from activities.web import trusted
from flows.ports import Done, EffectError, NotDone, Silence, Sms

# Codes of Twilio that say that this recipient is never reached: no number, no mobile, a landline, said STOP to them.
# Not 21612, which may mean our sender, nor 21408, a country that the account may not send to: those are ours to mend.
_UNREACHABLE = {21211, 21214, 21217, 21610, 21614, 21635}
# Refused before anything was taken: too many at once, or not at work just now.
_LATER = {429, 503}
# Shorter than any server's: a connection that it has just closed would leave in doubt what was written to it.
_KEEP_ALIVE = 3.0


class TwilioSms:
    """The `Sms` port. `public_url` is where /hooks/sms-status is reached from outside. Call `close` at the end."""

    def __init__(
        self,
        url: str,
        account: str,
        token: str,
        public_url: str,
        *,
        timeout: float = 20.0,
        connections: int = 10,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._url = f"{url.rstrip('/')}/2010-04-01/Accounts/{quote(account, safe='')}/Messages.json"
        self._status_url = f"{public_url.rstrip('/')}/hooks/sms-status"
        self._timeout = timeout
        limits = httpx2.Limits(max_connections=connections, keepalive_expiry=_KEEP_ALIVE)
        self._client = httpx2.AsyncClient(
            auth=httpx2.BasicAuth(account, token),
            timeout=timeout,
            limits=limits,
            transport=transport,
            verify=trusted(),
        )

    async def send(self, sms: Sms, key: str) -> Done:
        """Send an SMS to everybody it is for. Raises NotDone if nobody got it, Silence if some may not have."""
        if not sms.also:
            return await self._send(sms, key)
        each = [replace(sms, to=to, also=()) for to in (sms.to, *sms.also)]
        outcomes = [await self._try(one, f"{key}/{number}") for number, one in enumerate(each, start=1)]
        done = [outcome for outcome in outcomes if isinstance(outcome, Done)]
        failed = [outcome for outcome in outcomes if not isinstance(outcome, Done)]
        if not failed:
            return done[0]
        if not done and all(isinstance(outcome, NotDone) for outcome in failed):
            raise failed[0]
        text = "; ".join(outcome.text for outcome in failed)
        raise Silence(f"{len(done)} of {len(outcomes)} recipients got it for sure: {text}")

    async def _try(self, sms: Sms, key: str) -> Done | EffectError:
        try:
            return await self._send(sms, key)
        except EffectError as error:
            return error

    async def _send(self, sms: Sms, key: str) -> Done:
        handed_over = False

        async def trace(event: str, _: Mapping[str, Any]) -> None:
            nonlocal handed_over
            handed_over = handed_over or event.endswith("send_request_headers.started")

        fields = {"To": sms.to, "From": sms.sender, "Body": sms.text}
        # The message's id in the address: what is told of an SMS is understood even if its acceptance was never heard.
        fields["StatusCallback"] = f"{self._status_url}?message={quote(sms.message, safe='')}"
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._client.post(
                    self._url, data=fields, headers={"Idempotency-Key": key}, extensions={"trace": trace}
                )
        except (httpx2.HTTPError, OSError, TimeoutError, asyncio.CancelledError) as error:
            what = str(error) or type(error).__name__
            if handed_over:
                raise Silence(f"The SMS was handed over and no answer was heard: {what}") from error
            if isinstance(error, asyncio.CancelledError):
                raise
            raise NotDone(f"The SMS provider cannot be reached: {what}", retryable=True) from error
        return _read(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()


def _read(answer: httpx2.Response) -> Done:
    """What the provider's answer means."""
    told = _json(answer)
    if answer.is_success:
        return Done(provider_id=str(told.get("sid") or ""), text=str(told.get("status") or ""))
    text = f"{answer.status_code} {told.get('code') or ''} {told.get('message') or answer.text[:500]}".strip()
    if answer.status_code in _LATER:
        raise NotDone(text, retryable=True)
    if answer.is_server_error:
        raise Silence(f"The SMS was handed over and the answer does not tell whether it was taken: {text}")
    raise NotDone(text, retryable=False, unreachable=told.get("code") in _UNREACHABLE)


def _json(answer: httpx2.Response) -> Mapping[str, Any]:
    try:
        told = answer.json()
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}
