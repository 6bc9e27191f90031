"""Whole drills of real processes: a sound server passes, and servers that are broken on purpose do not."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


def drill(tmp_path: Path, *options: str, defect: str = "") -> subprocess.CompletedProcess[str]:
    """Run a drill whose temporary folder is in `tmp_path`; of a broken server, with the work that shows its defect."""
    scratch = tmp_path / "scratch"
    scratch.mkdir(exist_ok=True)
    server = ["--server", shlex.join([sys.executable, "-m", "tests.drill.broken_server", defect])] if defect else []
    mix = ["--mix", "documents"] if defect else []
    command = [sys.executable, "-m", "service.cli", "drill", "--seed", "11", *mix, *options, *server]
    environment = os.environ | {"TMPDIR": str(scratch)}
    return subprocess.run(command, capture_output=True, text=True, timeout=100, check=False, cwd=ROOT, env=environment)


def left(tmp_path: Path) -> list[Path]:
    """Return the folders that a drill has left behind."""
    return list((tmp_path / "scratch").iterdir())


def test_a_sound_server_passes_and_nothing_is_left_behind(tmp_path: Path) -> None:
    """Two rounds, a table, a report, and the seed."""
    report = tmp_path / "report"
    options = ("--rounds", "2", "--clients", "5", "--seconds", "0.8", "--report", str(report))
    ended = drill(tmp_path, *options, "--faults", "kill,term")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "seed 11" in ended.stderr
    assert "All is well" in ended.stdout
    assert left(tmp_path) == []
    members = json.loads((report / "drill.json").read_text())
    assert [one["number"] for one in members["rounds"]] == [1, 2]
    for one in members["rounds"]:
        assert one["acknowledged"] > 20
        assert one["read"] > 5
        assert one["retried"] > 20
        assert one["exit_code"] == {"kill": -9, "term": 0}[one["fault"]]
        assert one["felt"]
        assert one["recovery_seconds"] > 0


def test_faults_of_every_kind_are_injected_and_felt(tmp_path: Path) -> None:
    """The seed draws each of them once; the server ends as it is to end."""
    report = tmp_path / "report"
    options = ("--rounds", "4", "--clients", "5", "--seconds", "0.5", "--report", str(report), "--seed", "8")
    ended = drill(tmp_path, *options, "--faults", "kill-in-start,kill-writer,kill-compaction,pause")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    rounds = json.loads((report / "drill.json").read_text())["rounds"]
    assert {one["fault"] for one in rounds} == {"kill-in-start", "kill-writer", "kill-compaction", "pause"}
    for one in rounds:
        assert one["exit_code"] == (1 if one["fault"] == "kill-writer" else -9)
        assert one["felt"] or one["fault"] == "kill-compaction"


@pytest.mark.parametrize(
    ("defect", "fault", "sort"),
    [
        ("early", "kill", "(lost|older|returned|answer changed)"),
        ("forgetful", "kill", "answer changed"),
        ("unclean", "term", "exit"),
        ("harmful", "kill", "log"),
    ],
)
def test_a_broken_server_is_found(tmp_path: Path, defect: str, fault: str, sort: str) -> None:
    """Exit code 1, the history of one entity, the folder that is kept, and the command that does it again."""
    ended = drill(tmp_path, "--rounds", "4", "--clients", "8", "--seconds", "0.8", "--faults", fault, defect=defect)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    # What a kill strikes is chance: the last write, which made, changed or deleted an entity, or a tail that the start
    # before has written anew, with the sessions in it: then each retry is told 401.
    assert re.search(f"VIOLATION, {sort}: ", ended.stdout), ended.stdout
    (folder,) = left(tmp_path)
    assert f"kept in {folder}" in ended.stdout
    assert (folder / "directory-001" / "data" / "log").is_dir()
    assert "annolog drill --seed 11 --rounds " in ended.stdout
    assert f"broken_server {defect}" in ended.stdout


def test_a_folder_of_ones_own_is_kept(tmp_path: Path) -> None:
    """The data, the settings, and what the server logged."""
    folder = tmp_path / "mine"
    options = ("--rounds", "1", "--clients", "2", "--seconds", "0.2", "--faults", "kill", "--data-dir", str(folder))
    assert drill(tmp_path, *options).returncode == 0
    assert {path.name for path in (folder / "directory-001").iterdir()} == {"data", "drill.toml", "server.log"}


def test_a_folder_that_holds_something_is_refused(tmp_path: Path) -> None:
    """Exit code 2, and it is left alone."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "precious").touch()
    ended = drill(tmp_path, "--data-dir", str(tmp_path / "data"))
    assert ended.returncode == 2
    assert "holds precious, expected an empty folder or a new one" in ended.stderr
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["precious"]


def test_a_fault_that_is_not_known_is_refused(tmp_path: Path) -> None:
    """Exit code 2, before anything is started."""
    ended = drill(tmp_path, "--faults", "lying-disk")
    assert ended.returncode == 2
    assert "'lying-disk' found, expected one or more of kill" in ended.stderr
    assert left(tmp_path) == []


def test_a_server_that_does_not_start_is_no_violation(tmp_path: Path) -> None:
    """Exit code 2, with what it said."""
    ended = drill(tmp_path, "--server", f"{sys.executable} -c 'raise SystemExit(\"no such thing\")'")
    assert ended.returncode == 2
    assert "ended at its start with code 1: no such thing" in ended.stderr


def test_a_command_that_starts_the_server_as_its_child_is_refused(tmp_path: Path) -> None:
    """Faults would hit the wrong process."""
    wrapper = tmp_path / "wrapper.sh"
    wrapper.write_text(f'#!/bin/sh\n{sys.executable} -m service.cli serve "$@"\nexit $?\n')
    wrapper.chmod(0o700)
    ended = drill(tmp_path, "--server", str(wrapper))
    assert ended.returncode == 2
    assert "Give a command that becomes the server" in ended.stderr


def test_a_process_that_the_drill_has_not_started_is_never_ended(tmp_path: Path) -> None:
    """LOCK may name anybody: a server in a container counts its processes for itself."""
    pretends = tmp_path / "pretends.py"
    pretends.write_text(
        "import os, pathlib, sys, time\n"
        "from wal.file_system import RealFileSystem\n"
        "from wal.lock import DirectoryLock\n"
        "directory = pathlib.Path(sys.argv[sys.argv.index('--data-dir') + 1])\n"
        "directory.mkdir(parents=True)\n"
        "lock = DirectoryLock.take(RealFileSystem(), directory)\n"
        "os.getpid = lambda: int(sys.argv[1])\n"
        "lock.write(1, bytes(16))\n"
        "print('http://127.0.0.1:1', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as bystander:
        ended = drill(tmp_path, "--server", f"{sys.executable} {pretends} {bystander.pid}")
        assert bystander.poll() is None
        bystander.communicate(b"\n")
    assert ended.returncode == 2
    assert f"names {bystander.pid} as the server" in ended.stderr
    assert left(tmp_path) == []


@pytest.mark.parametrize(("server", "says"), [("no-such-command", "cannot be started"), ("'", "cannot be read as a")])
def test_a_command_that_cannot_be_started_is_usage(tmp_path: Path, server: str, says: str) -> None:
    """Exit code 2, which is no violation."""
    ended = drill(tmp_path, "--server", server)
    assert ended.returncode == 2
    assert says in ended.stderr
    assert left(tmp_path) == []


@pytest.mark.parametrize(("defect", "sort"), [("fading", "lost"), ("absent", "answer changed")])
def test_what_is_lost_of_an_earlier_round_is_found_in_its_directory(tmp_path: Path, defect: str, sort: str) -> None:
    """One entity, or one of all the keys, of the first round: at the latest in the last round of the directory."""
    report = tmp_path / "report"
    options = ("--rounds", "4", "--rounds-per-directory", "2", "--clients", "8", "--seconds", "0.8", "--faults", "kill")
    ended = drill(tmp_path, *options, "--report", str(report), defect=defect)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    first, second = json.loads((report / "drill.json").read_text())["rounds"]
    assert first["violations"] == []
    assert second["complete"]
    found = [one for one in second["violations"] if one["broken"] == sort]
    assert len({one["subject"] for one in found}) == 1
    assert {one["operations"][0]["round"] for one in found} == {1}


def test_a_server_that_does_not_start_again_was_not_asked_for_everything(tmp_path: Path) -> None:
    """It is a violation, and the last round of the directory is not called complete."""
    report = tmp_path / "report"
    options = ("--rounds", "2", "--clients", "2", "--seconds", "0.3", "--faults", "kill", "--report", str(report))
    ended = drill(tmp_path, *options, defect="dead")
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "VIOLATION, start: " in ended.stdout
    rounds = json.loads((report / "drill.json").read_text())["rounds"]
    assert [one["complete"] for one in rounds] == [False, False]


def test_directories_follow_each_other(tmp_path: Path) -> None:
    """Each has its own folder, keys are all sent again in its last round, and rounds, requests and times go on."""
    folder, report = tmp_path / "mine", tmp_path / "report"
    options = ("--rounds", "3", "--rounds-per-directory", "2", "--clients", "4", "--mix", "documents")
    quick = ("--seconds", "0.4", "--faults", "kill")
    ended = drill(tmp_path, *options, *quick, "--data-dir", str(folder), "--report", str(report))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert sorted(path.name for path in folder.iterdir()) == ["directory-001", "directory-002"]
    members = json.loads((report / "drill.json").read_text())
    rounds = members["rounds"]
    assert [(one["number"], one["directory"], one["complete"]) for one in rounds] == [
        (1, 1, False),
        (2, 1, True),
        (3, 2, True),
    ]
    # Whoever was told of a mutation asks for it again at the end of the directory, if not before.
    assert rounds[1]["retried"] >= rounds[0]["acknowledged"] + rounds[1]["acknowledged"]
    assert rounds[2]["retried"] >= rounds[2]["acknowledged"]
    assert rounds[0]["ready_at"] < rounds[1]["began_at"] < rounds[1]["ready_at"] < rounds[2]["began_at"]
    assert "--rounds 3 --rounds-per-directory 2 " in members["command"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_drill_tells_of_its_whole_rounds_and_leaves_nothing(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Exit code 130; neither a server nor a folder remains, however often it is signalled."""
    scratch, report = tmp_path / "scratch", tmp_path / "report"
    scratch.mkdir()
    options = ("--rounds", "99", "--clients", "2", "--seconds", "0.3", "--faults", "kill", "--report", str(report))
    command = [sys.executable, "-m", "service.cli", "drill", *options]
    environment = os.environ | {"TMPDIR": str(scratch)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as running:
        assert running.stderr is not None
        said = b""
        while b" 1/99" not in said:
            said += os.read(running.stderr.fileno(), 4096)
            assert running.poll() is None, said
        pid = json.loads(next(scratch.glob("*/*/data/LOCK")).read_bytes().partition(b"\n")[0])["pid"]
        running.send_signal(number)
        running.send_signal(number)
        told, said = running.communicate(timeout=30)
    assert running.returncode == 130, said
    assert f"interrupted by {number.name}".encode() in said
    assert left(tmp_path) == []
    assert not Path(f"/proc/{pid}").exists()
    members = json.loads((report / "drill.json").read_text())
    decided = len(members["rounds"])
    assert 1 <= decided < members["rounds_planned"] == 99
    assert members["interrupted"] == number.name
    assert f"{decided} of 99 rounds were decided" in told.decode()
    assert f"{decided} of 99 rounds were decided" in (report / "drill.html").read_text()


def test_a_time_limit_interrupts(tmp_path: Path) -> None:
    """Also before the first round is whole; the report says so and claims nothing."""
    report = tmp_path / "report"
    ended = drill(tmp_path, "--rounds", "3", "--clients", "2", "--time-limit", "0.2", "--report", str(report))
    assert ended.returncode == 130, ended.stdout + ended.stderr
    assert "Interrupted (the time limit): 0 of 3 rounds were decided." in ended.stdout
    assert "well" not in ended.stdout
    assert json.loads((report / "drill.json").read_text())["rounds"] == []
    assert left(tmp_path) == []
