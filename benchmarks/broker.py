"""A broker of a benchmark's own, and how late events come to a subscriber of it."""

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

START_S = 30.0


def lateness(port: int, topic: str, tell: Callable[[float], None]) -> mqtt.Client:
    """Tells how long after its end each event arrives, in seconds."""

    def heard(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        event = json.loads(message.payload)
        end_s = datetime.fromisoformat(event["ts"]).timestamp() + event["duration_s"]
        tell(time.time() - end_s)

    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    client.on_message = heard
    client.connect("127.0.0.1", port)
    client.subscribe(topic, qos=1)
    client.loop_start()
    return client


class Broker:
    """A mosquitto on a free loopback port, for as long as the context lasts."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self._config = folder / "broker.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\nuser root\n", encoding="ascii"
        )

    def __enter__(self) -> "Broker":
        path = os.environ.get("PATH", "") + os.pathsep + "/usr/sbin"
        program = shutil.which("mosquitto", path=path)
        if program is None:
            raise RuntimeError("there is no broker here; install the package 'mosquitto'")
        self._process = subprocess.Popen(
            [program, "-c", str(self._config)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return self
        self.__exit__()
        raise RuntimeError(f"the broker did not answer within {START_S:g} s")

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(START_S)
