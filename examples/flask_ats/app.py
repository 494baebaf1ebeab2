"""The pages and forms. Each request is one transaction: what `acts` changed and recorded is committed together."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Flask, Response, abort, flash, g, redirect, render_template, request, send_file, session, url_for
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session, sessionmaker
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from unghost.ats.integrations.wsgi import webhook_app

from ..resume import PDF, TEXT, NoResume, Resume, as_text, fetch
from ..settings import Settings
from . import acts
from .models import Candidate, Stage, board_number, connected, numbers, reports, unghost

LOOK = Path(__file__).parent.parent / "ats.css"
#: What a button does, and how it is told: (act, one, many).
ACTS: dict[str, tuple[Callable[[Session, list[int]], tuple[int, int]], str, str]] = {
    "reject": (acts.reject, "1 candidate was rejected", "{} candidates were rejected"),
    "unreject": (acts.unreject, "1 rejection was taken back", "{} rejections were taken back"),
    "withdraw": (acts.withdraw, "1 candidate was marked as withdrawn", "{} candidates were marked as withdrawn"),
}
LARGEST_RESUME = 6 << 20


def create(settings: Settings) -> Any:
    """The whole application: Flask's, and the webhook beside it, which no session and no CSRF token concerns."""
    engine = connected(settings)
    app = _pages(settings, engine)
    hook = webhook_app(sessionmaker(engine), acts.receive)
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/webhooks": hook})  # type: ignore[method-assign]
    return app


def _pages(settings: Settings, engine: Engine) -> Flask:
    app = Flask(__name__, static_folder=None)
    app.secret_key = settings.secret_key
    app.config.update(SESSION_COOKIE_SAMESITE="Lax", SESSION_COOKIE_NAME="tern", MAX_CONTENT_LENGTH=8 << 20)

    @app.before_request
    def begin() -> None:
        if request.method == "POST" and not hmac.compare_digest(request.form.get("token", ""), _token()):
            abort(403, "This form was not made by this page, or the page is too old. Go back, reload it, try again.")
        g.db = Session(engine, expire_on_commit=False)

    @app.after_request
    def commit(response: Response) -> Response:
        if response.status_code < 400 and "db" in g:
            g.db.commit()
        response.headers["X-Content-Type-Options"] = "nosniff"
        if request.endpoint != "look":
            response.headers["Cache-Control"] = "no-store"
        return response

    @app.teardown_request
    def end(error: BaseException | None) -> None:
        if "db" in g:
            g.pop("db").close()  # rolls back what was not committed

    @app.context_processor
    def shared() -> dict[str, Any]:
        return {"token": _token, "customer": settings.customer_name, "Stage": Stage, "day": _day, "when": _when}

    @app.get("/")
    def candidates() -> str:
        stage = request.args.get("stage", "")
        rows = select(Candidate).order_by(Candidate.applied_at.desc(), Candidate.id.desc()).limit(500)
        if stage in set(Stage):
            rows = rows.where(Candidate.stage == stage)
        return render_template(
            "candidates.html", candidates=g.db.scalars(rows).all(), stage=stage, numbers=numbers(g.db)
        )

    @app.post("/acts/<name>")
    def act(name: str) -> Any:
        if name not in ACTS:
            abort(404)
        run, one, many = ACTS[name]
        ids = [int(each) for each in request.form.getlist("id") if each.isascii() and each.isdigit() and len(each) < 10]
        done, left_out = run(g.db, ids)
        if not ids:
            flash("Nobody was ticked. Tick the candidates first.", "wrong")
        elif not done:
            flash("Nothing was changed: they stand elsewhere by now.", "wrong")
        else:
            said = one if done == 1 else many.format(done)
            unknown = f" {left_out} of them did not come from the job board: nothing is reported." if left_out else ""
            flash(f"{said}.{unknown}", "done")
        back = f"/candidates/{ids[0]}" if request.form.get("back") == "candidate" and ids else "/"
        return redirect(back, 303)

    @app.get("/candidates/<int:key>")
    def candidate(key: int) -> str:
        found = _found(key)
        if _is_opened():
            acts.open_record(g.db, found)
        return _candidate(found)

    @app.get("/candidates/<int:key>/resume")
    def resume(key: int) -> Any:
        found = _found(key)
        try:
            file = _resume(found, settings)
        except NoResume as error:
            return _candidate(found, str(error))
        if file.media_type not in (TEXT, PDF):
            return _candidate(found, f"{file.name} cannot be shown in a page. Download it.")
        if _is_opened():
            acts.show_resume(g.db, found)
        text = as_text(file.content) if file.media_type == TEXT else None
        return render_template("resume.html", candidate=found, file=file, text=text)

    # What the viewer's frame holds. Only the page around it leads here, and that one was recorded.
    @app.get("/candidates/<int:key>/resume/frame")
    def frame(key: int) -> Any:
        try:
            file = _resume(_found(key), settings)
        except NoResume as error:
            abort(404, str(error))
        if file.media_type != PDF:
            abort(404, "This résumé is not shown in a frame.")
        return _file(file, attached=False)

    @app.get("/candidates/<int:key>/resume/download")
    def download(key: int) -> Any:
        found = _found(key)
        try:
            file = _resume(found, settings)
        except NoResume as error:
            return _candidate(found, str(error))
        if _is_opened():
            acts.download_resume(g.db, found)
        return _file(file, attached=True)

    @app.route("/candidates/new", methods=["GET", "POST"])
    def new() -> Any:
        wrong = {}
        if request.method == "POST":
            given = {name: request.form.get(name, "").strip()[:200] for name in ("name", "email", "job")}
            if given["name"]:
                return _added(given)
            wrong["name"] = "Give the candidate's name."
        return render_template("new.html", wrong=wrong, given=request.form), 422 if wrong else 200

    @app.get("/settings")
    def about() -> str:
        customers = g.db.execute(select(unghost.customer).order_by(unghost.customer.c.id)).all()
        return render_template(
            "settings.html", settings=settings, customers=customers, root=request.url_root.rstrip("/")
        )

    @app.get("/ats.css")
    def look() -> Response:
        return send_file(LOOK, max_age=3600)

    @app.errorhandler(403)
    @app.errorhandler(404)
    @app.errorhandler(413)
    def problem(error: Any) -> tuple[str, int]:
        return render_template("problem.html", error=error), error.code

    return app


def _found(key: int) -> Candidate:
    found: Candidate | None = g.db.get(Candidate, key)
    if found is None:
        abort(404, "There is no such candidate.")
    return found


def _candidate(found: Candidate, wrong: str = "") -> str:
    number = board_number(g.db, found.id)
    return render_template(
        "candidate.html", candidate=found, number=number, reports=reports(g.db, found.id), wrong=wrong
    )


def _added(given: dict[str, str]) -> Any:
    added = Candidate(**given, source="Added by hand")
    file = request.files.get("resume")
    if file and file.filename:
        acts.keep_resume(added, Resume(file.filename[:200], file.mimetype, file.read()))
    g.db.add(added)
    g.db.flush()
    flash("The candidate was added. Nothing about them is reported: they did not come from the job board.", "done")
    return redirect(url_for("candidate", key=added.id), 303)


def _resume(found: Candidate, settings: Settings) -> Resume:
    """The résumé, fetched from the board the first time. Raises `NoResume`."""
    if found.resume is None:
        if not found.resume_url:
            raise NoResume("There is no résumé.")
        acts.keep_resume(found, fetch(found.resume_url, settings.board_url))
    assert found.resume is not None
    return Resume(found.resume_name, found.resume_type, found.resume)


def _file(file: Resume, *, attached: bool) -> Response:
    from io import BytesIO

    return send_file(BytesIO(file.content), mimetype=file.media_type, as_attachment=attached, download_name=file.name)


def _is_opened() -> bool:
    """Somebody looks; not a program that asks beforehand what is there."""
    return request.method == "GET" and "prefetch" not in request.headers.get("Sec-Purpose", "")


def _token() -> str:
    """The session's own secret, which every form carries: nobody else's page can send it."""
    if "token" not in session:
        session["token"] = secrets.token_urlsafe(24)
    return str(session["token"])


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %Y}"


def _when(moment: datetime) -> str:
    return f"{_day(moment)}, {moment:%H:%M} UTC"
