"""A résumé for the ATS that its application was delivered to: a link with a signed word in each delivery (spec R28).

The word alone opens it, for thirty days and as long as the partner is not shut out; it names a number, nobody.
"""

from __future__ import annotations

from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from unghost.jobboard.links import BadLink, For
from unghost.jobboard.store import delivering
from unghost.jobboard.web.services import Services


async def _get(request: Request) -> Response:
    services: Services = request.app.state.services
    try:
        number = services.links.read(For.RESUME, request.path_params["word"], services.clock.now())
    except BadLink:
        raise HTTPException(404) from None
    async with services.pool.connection() as connection:
        resume = await delivering.resume(connection, number)
    if resume is None:
        raise HTTPException(404)
    return Response(
        resume.content,
        media_type=resume.media_type,
        headers={
            "content-disposition": f"attachment; filename*=UTF-8''{quote(resume.file_name, safe='')}",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
        },
    )


def routes(services: Services) -> list[BaseRoute]:
    """Résumés of delivered applications."""
    return [Route("/resumes/{word}", _get, methods=["GET"])]
