"""Parameters that are planned and not carried out by this version: refused, for ignoring one would do harm."""

from fastapi import Request

from api.errors import ProblemDetail, Unprocessable

_PENDING = ("dry_run", "enrol_existing")


def refuse_pending(request: Request) -> None:
    """For a call's dependencies: what the call itself does not declare. Raises Unprocessable."""
    declared = {parameter.alias for parameter in request.scope["route"].dependant.query_params}
    named = [name for name in _PENDING if name in request.query_params and name not in declared]
    if named:
        remedy = "Leave it out; nothing was done."
        found = [
            ProblemDetail(
                place="query", pointer=f"/{name}", what="It is not carried out by this version.", remedy=remedy
            )
            for name in named
        ]
        raise Unprocessable(f"This version does not carry out {' and '.join(named)}.", remedy, problems=found)
