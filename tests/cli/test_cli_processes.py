"""The command as people run it: in a process, through a pipe, on a terminal, with signals."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import COMMAND, DEMO, LONGEST, piped

COLOUR = re.compile(r"\x1b\[[\d;]*(3\d|4\d|38;5;\d+)m")


def test_a_piped_demo_adds_up(demos):
    """By its own lines: each claim is added up again from what was printed."""
    code, out, err = demos["pipe"]
    claims = re.findall(r"^\[(.*?)\] (.*?) (=|<=) (.*)$", out, re.MULTILINE)

    assert (code, err) == (0, "")
    assert len(claims) == 20
    for verdict, left, relation, right in claims:
        assert verdict == "ok"
        assert added(left) <= added(right) if relation == "<=" else added(left) == added(right)
    assert out.endswith("\nAll 20 add up.\n")


def added(terms: str) -> int:
    return sum(int(term.split()[0].replace(",", "")) for term in terms.split(" + "))


def test_a_piped_demo_is_plain_lines(demos):
    """No escapes, no carriage returns, always the same parts."""
    _, out, _ = demos["pipe"]

    assert not re.search(r"[\x1b\r]", out)
    assert [line.partition(":")[0] for line in out.splitlines() if line.startswith("== ")] == [
        "== viber_async 0.1.0",
        "== A messy file of phones",
        "== Onto the blacklist, in batches",
        "== And back again, page by page",
        "== Campaigns, many at once",
        "== One campaign with all that there is",
        "== The task list, page by page",
        "== What the sandbox saw",
    ]
    assert re.search(r"^/.*phones\.txt: 120 lines, .* mode 0600\.$", out, re.MULTILINE)
    assert re.search(r"^adding: (\d+) of \1 phones in ", out, re.MULTILINE)
    assert re.search(r"^walking: (\d+) of \1 phones in ", out, re.MULTILINE)
    assert re.search(r"^25 campaigns; new on each page: 10, 7, 7, 1\.$", out, re.MULTILINE)


def test_a_demo_shows_no_whole_phone(demos):
    """Neither of the file's nor of the recipients'."""
    _, out, _ = demos["pipe"]

    assert not re.search(r"\b\d{9,15}\b", out)
    assert "•" in out


def test_the_demo_leaves_no_file_behind(demos):
    """It says where it was."""
    _, out, _ = demos["pipe"]
    path = re.search(r"^(/.*phones\.txt):", out, re.MULTILINE)

    assert path is not None
    assert not Path(path[1]).exists()


def test_a_demo_on_a_terminal_moves_and_has_colours(demos):
    """Bars that are drawn again and again, and a panel at the end."""
    code, text = demos["terminal"]

    assert code == 0
    assert COLOUR.search(text)
    assert text.count("walking") > 1
    for seen in ("━━━━━", "phones", "100%", "/s", "╭", "✓", "All 20 add up."):
        assert seen in text


def test_a_demo_on_a_terminal_respects_no_color(demos):
    """The same, in one colour."""
    code, text = demos["colourless"]

    assert code == 0
    assert not COLOUR.search(text)
    assert "━━━━━" in text


def test_ctrl_c_ends_a_demo_without_a_traceback():
    """Also where the terminal's encoding knows no bullet, which by then was written."""
    with piped(*DEMO, PYTHONIOENCODING="ascii") as process:
        assert any(line.startswith("== Onto") for line in process.stdout)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=LONGEST)

    assert (process.returncode, err) == (130, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_sandbox_serves_until_it_is_told_to_stop(number):
    """With all that is needed to connect; then exit code 0."""
    with piped(*COMMAND, "sandbox", "--port", "0") as process:
        said = dict(re.findall(r"export (\w+)=(\S+)", until(process, "from_env")))
        body = {
            "grant_type": "client_credentials",
            "client_id": said["SENDPULSE_API_ID"],
            "client_secret": said["SENDPULSE_API_SECRET"],
        }
        answer = httpx.post(f"{said['SENDPULSE_BASE_URL']}/oauth/access_token", json=body, trust_env=False)
        process.send_signal(number)
        out, err = process.communicate(timeout=LONGEST)

    assert answer.json()["token_type"] == "Bearer"
    assert (process.returncode, err) == (0, "")
    assert out.endswith("Stopped. 1 request arrived, at most 1 in a second, 0 refused.\n")


def until(process: subprocess.Popen[str], word: str) -> str:
    """Read lines up to the first with *word*."""
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if word in line:
            break
    return "".join(lines)


def test_a_port_that_is_taken_is_one_line():
    """And exit code 6."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "sandbox", "--port", str(port)], check=False, capture_output=True, text=True, timeout=LONGEST
        )

    assert done.returncode == 6
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert f"cannot serve on port {port}: Address already in use; " in done.stderr
