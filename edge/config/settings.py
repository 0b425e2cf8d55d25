"""The settings: every key, its default, its unit and its range.

The classes are the manual and nothing else decides what is valid. Numbers that define a
feature or an event are not here; they belong to the model's bundle.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Literal

from edge.config.rules import (
    BundleName,
    ClientId,
    DeviceName,
    Host,
    TimeOfDay,
    TimeZone,
    Topic,
    TopicWord,
    UserName,
    between,
)


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where the sound comes from.

    Attributes:
        name: the source's level in every topic, such as "mic" or "chest".
        kind: "wav" reads a WAV or FLAC file, "stdin" raw S16_LE samples from standard
            input, "microphone" a sound device.
        path: the file of a "wav" source.
        device: which microphone: its USB socket ("usb:1-1.2"), its card's ALSA id or a part
            of its name, or a source of the sound server ("pulse:NAME"); "" is the system's
            default. `airway devices` lists them.
        rate_hz: sampling rate of "stdin", 4,000 to 192,000, and the one that a "microphone"
            is asked for first; a file says its own.
        channels: interleaved channels of "stdin", 1 to 32, and how many a "microphone" is
            asked for first.
        realtime: true: a file is played at its real pace, and standard input is taken to
            be live, so that it is never made to wait and what does not fit is counted as
            lost. False: as fast as the machine can, and nothing is lost.
        repeat: play a file again from its start when it ends, for ever.
    """

    name: TopicWord = "mic"
    kind: Literal["wav", "stdin", "microphone"] = "microphone"
    path: Path | None = None
    device: DeviceName = ""
    rate_hz: Annotated[int, between(4_000, 192_000)] = 16_000
    channels: Annotated[int, between(1, 32)] = 1
    realtime: bool = True
    repeat: bool = False

    def contradictions(self) -> list[str]:
        """Values that are each valid and make no sense together."""
        kinds = {"path": "wav", "repeat": "wav", "device": "microphone"}
        found = [
            f'{name}: not used by kind "{self.kind}"; remove it or set kind = "{kind}"'
            for name, kind in kinds.items()
            if getattr(self, name) and self.kind != kind
        ]
        if self.kind == "wav" and not self.path:
            found.append('path: missing; kind = "wav" needs the path of a file')
        return found


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """What listens.

    Attributes:
        bundle: name of a bundle that ships, or the path of one (with a "/" in it).
        runtime: which interpreter runs the model; "auto" takes the one that is installed.
    """

    bundle: BundleName = "room"
    runtime: Literal["auto", "tflite-runtime", "litert", "edgetpu"] = "auto"


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the history is kept, and for how long.

    Attributes:
        path: the SQLite file; its directory is made when it is not there.
        keep_days: what is older is deleted, 1 to 36,500; with fewer than 60 there are too few
            nights to tell a change from.
        max_mb: size of the file, in units of 1,000,000 bytes, above which the oldest history
            is deleted early, 8 to 1,000,000. Messages that wait for the broker go last.
    """

    path: Path = Path("/var/lib/airway/airway.db")
    keep_days: Annotated[int, between(1, 36_500)] = 400
    max_mb: Annotated[int, between(8, 1_000_000)] = 256


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """The broker.

    Attributes:
        enabled: false keeps everything on the device.
        host: name or address of the broker.
        port: 1 to 65,535; a broker with TLS usually listens on 8883.
        base_topic: first level, or levels, of every topic.
        client_id: "" means "airway-<node>"; two clients with one id disconnect each other.
        username: "" means that no user name is sent.
        password_file: file whose first line is the password; needs `username`.
        keepalive_s: seconds of silence after which each side checks the other, 5 to 3,600.
        tls: encrypt, and verify the broker's certificate.
        ca_file: PEM file of the authority to trust; None takes the system's.
        cert_file, key_file: PEM files of this device's own certificate, both or neither.
        discovery: tell Home Assistant which entities there are.
        discovery_prefix: first level, or levels, of Home Assistant's own topics.
    """

    enabled: bool = True
    host: Host = "localhost"
    port: Annotated[int, between(1, 65_535)] = 1883
    base_topic: Topic = "airway"
    client_id: ClientId = ""
    username: UserName = ""
    password_file: Path | None = None
    keepalive_s: Annotated[int, between(5, 3_600)] = 30
    tls: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    discovery: bool = True
    discovery_prefix: Topic = "homeassistant"

    def contradictions(self) -> list[str]:
        """Values that are each valid and make no sense together."""
        found: list[str] = []
        if self.password_file and not self.username:
            found.append("password_file: needs a username")
        if (self.cert_file is None) != (self.key_file is None):
            found.append("cert_file, key_file: give both or neither")
        if not self.tls:
            files = [name for name in ("ca_file", "cert_file", "key_file") if getattr(self, name)]
            found += [f"{name}: only used with tls = true" for name in files]
        return found


@dataclass(frozen=True, slots=True)
class NightSettings:
    """When a night begins and ends: at its end it is summed up.

    Attributes:
        start, end: local times of the day; an end that is not later than the start is on the
            next day.
        timezone: "" takes the device's own, else a name such as "Europe/Berlin".
    """

    start: TimeOfDay = "21:00"
    end: TimeOfDay = "09:00"
    timezone: TimeZone = ""

    def contradictions(self) -> list[str]:
        """Values that are each valid and make no sense together."""
        return ["start, end: a night needs two different times"] if self.start == self.end else []


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """The daemon's figures for Prometheus, on the loopback address alone.

    Attributes:
        port: http://127.0.0.1:<port>/metrics, 1 to 65,535; 0 serves nothing.
    """

    port: Annotated[int, between(0, 65_535)] = 0


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What goes to standard error.

    Attributes:
        level: the least severe line that is written.
        json: one JSON object a line instead of text.
    """

    level: Literal["debug", "info", "warning", "error"] = "info"
    json: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """The whole configuration of one device.

    Attributes:
        node: this device's level in every topic; it has no default, since two devices
            with the same one would take each other's place at the broker.
        source, model, store, mqtt, night, metrics, log: the tables of the same names.
    """

    node: TopicWord
    source: SourceSettings = field(default_factory=SourceSettings)
    model: ModelSettings = field(default_factory=ModelSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    mqtt: MqttSettings = field(default_factory=MqttSettings)
    night: NightSettings = field(default_factory=NightSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    log: LogSettings = field(default_factory=LogSettings)

    @property
    def digest(self) -> str:
        """SHA-256 of every value in the tree, hexadecimal; it holds no secret."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()
