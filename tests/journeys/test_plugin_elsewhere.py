"""The page about the pytest plugin, run as it stands: elsewhere, with unghost installed from a wheel (spec R38)."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.sources import ROOT, text
from tests.sandbox.running import environment

PAGE = text(ROOT / "docs" / "howto" / "test-your-ats-with-pytest.md")
UV = [sys.executable, "-m", "uv"]


def _done(command: list[str], folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in environment(**more).items() if name != "PYTHONPATH"}
    return subprocess.run(command, cwd=folder, env=kept, capture_output=True, text=True, timeout=300)


def _installed(folder: Path) -> Path:
    """The interpreter of a new environment, with what the page says to install; nothing is fetched that is there."""
    path = f"{Path(sys.executable).parent}:/usr/bin:/bin"  # uv_build is installed beside this interpreter
    built = _done(
        [*UV, "build", "-q", "--wheel", "--no-build-isolation", "-o", str(folder), str(ROOT)], ROOT, PATH=path
    )
    assert built.returncode == 0, built.stderr
    wheel = next(folder.glob("*.whl"))
    assert _done([*UV, "venv", "-q", "--python", sys.executable, "environment"], folder).returncode == 0
    python = folder / "environment" / "bin" / "python"
    wanted = re.findall(r"^pip install '(unghost\[sandbox\])' (.+)$", PAGE, re.MULTILINE)
    [(unghost, others)] = wanted
    command = [*UV, "pip", "install", "-q", "--python", str(python), "-c", str(ROOT / "requirements.lock")]
    command += [f"{unghost} @ {wheel.as_uri()}", *others.split()]
    installed = _done([*command, "--offline"], folder)
    if installed.returncode != 0:
        installed = _done(command, folder)
    assert installed.returncode == 0, installed.stderr
    return python


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_pages_suite_passes_in_an_environment_of_its_own(tmp_path: Path) -> None:
    python = _installed(tmp_path)
    folder = tmp_path / "suite"
    folder.mkdir()
    files = dict(re.findall(r'^```python title="([a-z_]+\.py)"\n(.*?)^```$', PAGE, re.MULTILINE | re.DOTALL))
    assert files.keys() == {"my_ats.py", "test_my_ats.py"}
    for name, content in files.items():
        (folder / name).write_text(content)
    done = _done([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"], folder)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{files['test_my_ats.py'].count('def test_')} passed" in done.stdout
    for proved in ("told_once", "no_consent", 'told_after("72h"'):
        assert proved in files["test_my_ats.py"]

    # The same tests notice an ATS that does its work badly.
    (folder / "my_ats.py").write_text(files["my_ats.py"].replace("if answer.status_code == 401:", "if False:"))
    noticed = _done([str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider"], folder)
    assert "1 failed, 3 passed" in noticed.stdout
    assert "401 Client Error" in noticed.stdout
