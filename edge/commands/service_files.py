"""What an installation of the service writes, as a plan that can be shown or carried out.

Every action is idempotent: carried out twice, the second time changes nothing.
"""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from edge.errors import ConfigError, InputOutputError, UsageError

_UNIT = "airway.service"
_UNIT_DIR = Path("etc/systemd/system")
_PAGES = "airway-web.service"  # which a person may have put beside it
_WANTS = _UNIT_DIR / "multi-user.target.wants" / _UNIT
_CORAL_UNIT = _UNIT_DIR / f"{_UNIT}.d" / "coral.conf"
_CORAL_RULES = Path("etc/udev/rules.d/60-airway-coral.rules")
_CONFIG_DIR = Path("etc/airway")
# With DynamicUser the state is in /var/lib/private, and a link leads there.
_STATE = (Path("var/lib/airway"), Path("var/lib/private/airway"))
_PROGRAM = "/opt/airway/bin/airway"  # as the unit ships
# ProtectHome=yes and PrivateTmp=yes hide these from the service.
_HIDDEN = ("/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/")
_NODE_LINE = re.compile(r'^node = ".*"$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Write:
    """A file with this content and mode; one that is there already may be kept as it is."""

    path: Path
    content: str
    mode: int = 0o644
    keep: bool = False

    def __str__(self) -> str:
        return f"write {self.path}" + (", unless it is there" if self.keep else "")

    def carry_out(self) -> str:
        """Write it whole or not at all; says what happened."""
        if self.path.is_file():
            if self._same():
                return f"kept {self.path}"
            if self.keep:
                return (
                    f"kept {self.path} as it is: a node, a board or a key is changed there by hand"
                )
        _make_folder(self.path.parent)
        fresh = self.path.with_name(self.path.name + ".new")
        fresh.write_text(self.content, encoding="utf-8")
        fresh.chmod(self.mode)
        fresh.replace(self.path)
        return f"wrote {self.path}"

    def _same(self) -> bool:
        mode = self.path.stat().st_mode & 0o777
        return mode == self.mode and self.path.read_bytes() == self.content.encode()


def _make_folder(path: Path) -> None:
    """Make a folder, and those above it, which every user may enter whatever the umask."""
    if not path.is_dir():
        _make_folder(path.parent)
        path.mkdir()
        path.chmod(0o755)


@dataclass(frozen=True, slots=True)
class Link:
    """A symbolic link."""

    path: Path
    target: str

    def __str__(self) -> str:
        return f"link {self.path} to {self.target}"

    def carry_out(self) -> str:
        """Make it, in place of another one."""
        if self.path.is_symlink() and str(self.path.readlink()) == self.target:
            return f"kept {self.path}"
        _make_folder(self.path.parent)
        self.path.unlink(missing_ok=True)
        self.path.symlink_to(self.target)
        return f"linked {self.path}"


@dataclass(frozen=True, slots=True)
class Remove:
    """A file, a link or a whole folder that is not to be there."""

    path: Path

    def __str__(self) -> str:
        return f"remove {self.path}"

    def carry_out(self) -> str:
        """Remove it; a link goes, and what it leads to stays."""
        if self.path.is_dir() and not self.path.is_symlink():
            shutil.rmtree(self.path)
        elif self.path.is_symlink() or self.path.exists():
            self.path.unlink()
        else:
            return f"no {self.path}"
        return f"removed {self.path}"


@dataclass(frozen=True, slots=True)
class RemoveIfEmpty:
    """A folder that is not to be there, unless somebody else keeps something in it."""

    path: Path

    def __str__(self) -> str:
        return f"remove {self.path} if nothing else is in it"

    def carry_out(self) -> str:
        """Remove it, or say why it stays."""
        if not self.path.is_dir():
            return f"no {self.path}"
        if any(self.path.iterdir()):
            return f"kept {self.path}, which holds files of others"
        self.path.rmdir()
        return f"removed {self.path}"


@dataclass(frozen=True, slots=True)
class Call:
    """A command of the running system."""

    command: tuple[str, ...]

    def __str__(self) -> str:
        return f"run {' '.join(self.command)}"

    def carry_out(self) -> str:
        """Run it; InputOutputError with its last words when it fails."""
        done = subprocess.run(self.command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise InputOutputError(
                f"'{' '.join(self.command)}' failed: {done.stderr.strip()[-300:]}; see "
                "journalctl -u airway"
            )
        return f"ran {' '.join(self.command)}"


Action = Write | Link | Remove | RemoveIfEmpty | Call


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do, in order, and what a person does afterwards."""

    actions: tuple[Action, ...]
    afterwards: str

    def carry_out(self) -> Iterator[str]:
        """Do it all; gives a line an action.

        Raises:
            InputOutputError: a file can't be written or removed, or systemd refuses.
        """
        for action in self.actions:
            try:
                yield action.carry_out()
            except PermissionError as error:
                raise InputOutputError(f"can't {action}: no right to; use sudo") from error
            except OSError as error:
                raise InputOutputError(f"can't {action}: {error.strerror}") from error


def boards() -> list[str]:
    """Names of the boards whose configuration ships."""
    folder = resources.files("edge") / "data" / "boards"
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir())


def node_name(host: str) -> str:
    """A host's name as one level of a topic: A-Z a-z 0-9 _ - and at most 64 of them."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", host.partition(".")[0])[:64] or "airway"


def installation(root: Path, program: Path, board: str, node: str, coral: bool) -> Plan:
    """How to install the service.

    Args:
        root: of the file system, "/" for the running one.
        program: what the unit starts, as seen from inside `root`.
        board: one of `boards`; an existing configuration goes before it.
        node: for a new configuration.
        coral: also the rights to a Coral USB accelerator.

    Raises:
        UsageError: no such board, no full path of a program, or odd characters in the node's name.
        ConfigError: the service could not see the program.
    """
    if board not in boards():
        raise UsageError(f"no board {board!r}; there are: {', '.join(boards())}")
    if node != node_name(node):
        raise UsageError(f"node {node!r} must be 1 to 64 of the characters A-Z a-z 0-9 _ -")
    if not program.is_absolute() or " " in str(program):
        raise UsageError(f"{program} is no path for a unit; give --program in full, without spaces")
    if str(program).startswith(_HIDDEN):
        raise ConfigError(
            f"the service can't see {program}; install Airway outside of home and temporary "
            "folders, such as in /opt/airway, and run its install-service"
        )
    unit = _data("systemd", _UNIT).replace(_PROGRAM, str(program))
    config = _NODE_LINE.sub(f'node = "{node}"', _data("boards", f"{board}.toml"), count=1)
    actions: list[Action] = [
        Write(root / _UNIT_DIR / _UNIT, unit),
        Write(root / _CONFIG_DIR / "config.toml", config, keep=True),
        Link(root / _WANTS, f"/{_UNIT_DIR / _UNIT}"),
    ]
    if coral:
        actions += [
            Write(root / _CORAL_RULES, _data("coral", _CORAL_RULES.name)),
            Write(root / _CORAL_UNIT, _data("coral", _CORAL_UNIT.name)),
        ]
    if _running(root):
        if coral:
            actions += [
                Call(("udevadm", "control", "--reload")),
                Call(("udevadm", "trigger", "--subsystem-match=usb")),
            ]
        actions += [
            Call(("systemctl", "daemon-reload")),
            # It need not run yet: the microphone or the broker may still have to be named.
            Call(("systemctl", "--no-block", "restart", _UNIT)),
        ]
    return Plan(
        tuple(actions),
        f"The configuration is {root / _CONFIG_DIR / 'config.toml'}: set the microphone and the "
        "broker, then systemctl restart airway; systemctl status airway says how it does.",
    )


def uninstallation(root: Path, purge: bool) -> Plan:
    """How to remove the service; with `purge` its configuration and its history, too."""
    there = [unit for unit in (_UNIT, _PAGES) if (root / _UNIT_DIR / unit).exists()]
    running = _running(root) and bool(there)
    actions: list[Action] = [Call(("systemctl", "stop", *there))] if running else []
    units = (_WANTS, _UNIT_DIR / _UNIT, _WANTS.with_name(_PAGES), _UNIT_DIR / _PAGES)
    actions += [Remove(root / path) for path in (*units, _CORAL_UNIT, _CORAL_RULES)]
    actions.append(RemoveIfEmpty(root / _CORAL_UNIT.parent))  # others' changes to the unit stay
    kept = (_CONFIG_DIR, *_STATE)
    if purge:
        actions += [Remove(root / path) for path in kept]
    if running:
        actions.append(Call(("systemctl", "daemon-reload")))
    what = "gone" if purge else f"kept in {root / _CONFIG_DIR} and {root / _STATE[0]}"
    return Plan(tuple(actions), f"The service is removed; its configuration and history are {what}")


def _running(root: Path) -> bool:
    """Whether `root` is the system that runs, under systemd."""
    return root.resolve() == Path("/") and Path("/run/systemd/system").is_dir()


def _data(folder: str, name: str) -> str:
    return (resources.files("edge") / "data" / folder / name).read_text(encoding="utf-8")
