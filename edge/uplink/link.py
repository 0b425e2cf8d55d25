"""One MQTT 5 connection, stepped by the one thread that owns it."""

import logging
import select
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge.config import MqttSettings
from edge.errors import ConfigError
from edge.messages import OFFLINE, availability_topic

_logger = logging.getLogger(__name__)

# A broker on the home network answers in milliseconds; a dead address must not hold up a stop.
_CONNECT_TIMEOUT_S = 5.0
_QOS = 1
_BAD_CREDENTIALS = (0x86, 0x87)
FIRST_FAILURE = 0x80  # reason codes below it are kinds of success


class LinkDownError(Exception):
    """The connection could not be made, or is lost; the text is a sentence for a person."""


class Link:
    """A connection from its CONNECT to its end; not used again after that.

    Attributes:
        up: the broker accepted the connection.
        window: publishes that may wait for their acknowledgement at a time.

    Raises:
        ConfigError: a file that `settings` names can't be used.
    """

    def __init__(self, settings: MqttSettings, node: str, window: int) -> None:
        self.up = False
        self.window = window
        self._why = ""
        self._answers: list[tuple[int, int]] = []
        self._messages: list[tuple[str, bytes]] = []
        self._place = f"{settings.host}:{settings.port}"
        self._settings = settings
        self._client_id = settings.client_id or f"airway-{node}"
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=self._client_id,
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
        )
        client.connect_timeout = _CONNECT_TIMEOUT_S
        client.will_set(
            availability_topic(settings.base_topic, node), OFFLINE, qos=_QOS, retain=True
        )
        if settings.username:
            client.username_pw_set(settings.username, _password(settings.password_file))
        if settings.tls:
            _use_tls(client, settings)
        client.on_connect = self._on_connect
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        self._client = client

    def connect(self) -> None:
        """Open the connection and send CONNECT; `up` tells when the broker has agreed.

        Raises:
            LinkDownError: there is no broker, or it can't be trusted.
        """
        settings = self._settings
        try:
            self._client.connect(
                settings.host, settings.port, settings.keepalive_s, clean_start=False
            )
        except ssl.SSLCertVerificationError as error:
            raise LinkDownError(
                f"the certificate of the broker {self._place} is not trusted "
                f"({error.verify_message}); check mqtt.host and mqtt.ca_file"
            ) from error
        except OSError as error:
            raise self._no_connection(error.strerror or str(error)) from error
        except UnicodeError as error:  # a name that can't be asked for
            raise self._no_connection(str(error)) from error

    def _no_connection(self, reason: str) -> LinkDownError:
        return LinkDownError(
            f"no connection to the broker {self._place} ({reason}); check that it runs, and "
            "mqtt.host, mqtt.port and mqtt.tls"
        )

    def publish(self, topic: str, body: bytes, retain: bool) -> int:
        """Send one message; returns its number, which `answers` will name."""
        return self._client.publish(topic, body, _QOS, retain).mid

    def step(self, wake: socket.socket, timeout_s: float) -> None:
        """Wait for the broker or for `wake`, and do what there is to do.

        Args:
            wake: a socket that another thread writes to; its bytes are thrown away.
            timeout_s: longest wait.

        Raises:
            LinkDownError: the connection is over.
        """
        client = self._client
        sock: Any = client.socket()
        if sock is not None:
            held_back = isinstance(sock, ssl.SSLSocket) and sock.pending() > 0
            readable, writable, _ = select.select(
                [sock, wake],
                [sock] if client.want_write() else [],
                [],
                0.0 if held_back else timeout_s,
            )
            if wake in readable:
                wake.recv(4096)
            if held_back or sock in readable:
                client.loop_read()
            if writable:
                client.loop_write()
            client.loop_misc()
        if client.socket() is None:
            raise LinkDownError(self._why or f"the broker {self._place} closed the connection")

    def answers(self) -> list[tuple[int, int]]:
        """The acknowledgements since the last call: (number, MQTT 5 reason code)."""
        answers, self._answers = self._answers, []
        return answers

    def subscribe(self, topics: Sequence[str]) -> None:
        """Ask for what is published on these topics; a refusal is logged."""
        if topics:
            self._client.subscribe([(topic, _QOS) for topic in topics])

    def messages(self) -> list[tuple[str, bytes]]:
        """What came on those topics since the last call: (topic, body)."""
        messages, self._messages = self._messages, []
        return messages

    def leave(self) -> None:
        """A clean end; the broker forgets the last will."""
        self._client.disconnect()

    def close(self) -> None:
        """Any other end; the broker publishes the last will."""
        if self._client.socket() is not None:
            self._client.disconnect(
                ReasonCode(PacketTypes.DISCONNECT, "Disconnect with will message")
            )

    def _on_connect(
        self,
        client: mqtt.Client,
        userdata: Any,
        flags: mqtt.ConnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if reason.is_failure:
            self._why = f"the broker {self._place} refused the connection ({reason})"
            if reason.value in _BAD_CREDENTIALS:
                self._why += "; check mqtt.username and mqtt.password_file"
            return
        self.window = min(self.window, getattr(properties, "ReceiveMaximum", self.window))
        self.up = True

    def _on_publish(
        self,
        client: mqtt.Client,
        userdata: Any,
        mid: int,
        reason: ReasonCode,
        properties: Properties,
    ) -> None:
        self._answers.append((mid, reason.value))

    def _on_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        self._messages.append((message.topic, bytes(message.payload)))

    def _on_subscribe(
        self,
        client: mqtt.Client,
        userdata: Any,
        mid: int,
        reasons: list[ReasonCode],
        properties: Properties,
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            _logger.warning(
                "the broker %s refuses a subscription (%s); commands do not arrive; allow the "
                "topics in the broker's access list",
                self._place, ", ".join(map(str, reasons)),
            )  # fmt: skip

    def _on_disconnect(
        self,
        client: mqtt.Client,
        userdata: Any,
        flags: mqtt.DisconnectFlags,
        reason: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if not self._why:
            cause = str(reason) if flags.is_disconnect_packet_from_server else "connection broken"
            # A client that is thrown out by another with its id is often not told so.
            self._why = (
                f"lost the broker {self._place} ({cause}); if this repeats, look for another "
                f"client with the id {self._client_id!r} and give each device its own node name"
            )


def _password(path: Path | None) -> str | None:
    """The first line of the password file."""
    if path is None:
        return None
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"mqtt.password_file: can't read {path} ({error})") from error
    password = text.partition("\n")[0].rstrip("\r")
    if not password:
        raise ConfigError(f"mqtt.password_file: {path} has no password in its first line")
    return password


def _use_tls(client: mqtt.Client, settings: MqttSettings) -> None:
    """Encrypt, and verify the broker's certificate and name."""
    files = (settings.ca_file, settings.cert_file, settings.key_file)
    ca, cert, key = (None if path is None else str(path) for path in files)
    try:
        client.tls_set(ca_certs=ca, certfile=cert, keyfile=key)
    except OSError as error:  # ssl.SSLError is one
        named = ", ".join(str(path) for path in files if path is not None)
        raise ConfigError(
            f"mqtt.ca_file, mqtt.cert_file, mqtt.key_file: can't use {named} "
            f"({error.strerror or error}); each must be a PEM file that this user may read"
        ) from error
