"""The configuration: what is valid, and what a person reads when it is not."""

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any, get_args, get_type_hints

import jsonschema
import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st

import edge
from edge.config import MqttSettings, Settings, SourceSettings, json_schema, load_settings
from edge.errors import ConfigError

BOARDS = sorted((Path(__file__).parents[2] / "firmware_configs" / "boards").glob("*.toml"))


def load(tmp_path: Path, text: str | bytes) -> Settings:
    """Write `text` as a configuration and read it."""
    path = tmp_path / "config.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_settings(path)


def errors(tmp_path: Path, text: str) -> list[str]:
    """The lines of the refusal of `text`, without its heading."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    heading, *lines = str(caught.value).splitlines()
    count = "1 error:" if len(lines) == 1 else f"{len(lines)} errors:"
    assert heading == f"{tmp_path / 'config.toml'} has {count}"
    return [line.strip() for line in lines]


def test_only_the_node_is_needed(tmp_path):
    """A file that names the node alone gives the documented defaults."""
    settings = load(tmp_path, 'node = "bedroom"')
    assert settings == Settings("bedroom")
    assert settings.source.kind == "microphone"
    assert settings.store.path == Path("/var/lib/airway/airway.db")
    assert (settings.mqtt.host, settings.mqtt.port) == ("localhost", 1883)


def test_every_value_is_read(tmp_path):
    """Each key of each table reaches its field, and no field is left at its default."""
    settings = load(
        tmp_path,
        """
        node = "n-1"
        source = { name = "chest", kind = "wav", path = "/a.wav", rate_hz = 4000, channels = 2,
                   realtime = false, repeat = true }
        model = { bundle = "chest", runtime = "litert" }
        store = { path = "/a.db", keep_days = 30, max_mb = 64 }
        mqtt = { enabled = false, host = "::1", port = 8883, base_topic = "a/b", client_id = "c",
                 username = "u", password_file = "/p", keepalive_s = 5, tls = true,
                 ca_file = "/ca", cert_file = "/cert", key_file = "/key", discovery = false,
                 discovery_prefix = "ha" }
        night = { start = "22:30", end = "07:15", timezone = "Asia/Shanghai" }
        metrics = { port = 9100 }
        log = { level = "debug", json = true }
        """.replace(",\n", ", "),
    )
    default = Settings("n-1")
    for table in ("source", "model", "store", "mqtt", "night", "metrics", "log"):
        values, defaults = getattr(settings, table), getattr(default, table)
        for item in dataclasses.fields(values):
            if item.name != "device":  # contradicts the path of a file
                assert getattr(values, item.name) != getattr(defaults, item.name), item.name
    microphone = load(
        tmp_path, 'node = "n"\nsource = { kind = "microphone", device = "usb:1-1.2" }'
    )
    assert microphone.source.device == "usb:1-1.2"
    assert settings.mqtt.cert_file == Path("/cert")


def test_relative_paths_start_at_the_file(tmp_path):
    """Paths are looked up beside the configuration, and a bundle's name is no path."""
    text = 'node = "n"\nsource = { kind = "wav", path = "night.wav" }\n[model]\nbundle = %s'
    settings = load(tmp_path, text % '"./mine"')
    assert settings.source.path == tmp_path / "night.wav"
    assert Path(settings.model.bundle) == tmp_path / "mine"
    assert load(tmp_path, text % '"chest"').model.bundle == "chest"


@pytest.mark.parametrize(
    ("table", "key", "meant"),
    [
        ("mqtt", "node", "node"),
        ("source", "runtime", "model.runtime"),
        ("mqtt", "keep_days", "store.keep_days"),
        ("night", "enabled", "mqtt.enabled"),
        ("model", "path", "source.path or store.path"),
        ("mqtt", "hots", "mqtt.host"),
    ],
)
def test_a_key_in_the_wrong_table_is_told_its_own(tmp_path, table, key, meant):
    """A key that is right elsewhere is not mistaken for one that looks like it here."""
    told = errors(tmp_path, f'node = "n"\n[{table}]\n{key} = "x"\n')
    assert f"{table}.{key}: unknown key; did you mean {meant}?" in told


@pytest.mark.parametrize(
    ("host", "good"),
    [
        ("broker.local", True), ("192.168.1.4", True), ("::1", True), ("fe80::1%eth0", True),
        ("192.168..1", False), ("broker:1883", False), ("user@broker", False),
        ("a" * 64 + ".local", False), ("mqtt://broker", False), (".local", False),
    ],
)  # fmt: skip
def test_a_broker_is_a_name_or_an_address(tmp_path, host, good):
    """What the name service can't look up is refused, and so are a port and a user."""
    text = f'node = "n"\n[mqtt]\nhost = "{host}"\n'
    if good:
        assert load(tmp_path, text).mqtt.host == host
    else:
        assert "must be a host name or an address" in errors(tmp_path, text)[0]


def test_all_errors_come_at_once(tmp_path):
    """Unknown keys, wrong types, bad values and a missing key are told together."""
    text = """
        rate = 3
        [source]
        knd = "wav"
        rate_hz = 3_999
        channels = true
        [mqqt]
        [mqtt]
        host = "mqtt://broker"
        port = 65536
        base_topic = "airway/+"
        [log]
        json = "yes"
        level = "warn"
    """
    assert errors(tmp_path, text) == [
        "rate: unknown key; did you mean source.rate_hz?",
        "mqqt: unknown key; did you mean mqtt?",
        'node: missing; add node = "..." above every [table]',
        "source.knd: unknown key; did you mean source.kind?",
        "source.rate_hz: 3999 must be between 4000 and 192000",
        "source.channels: True must be a whole number",
        "mqtt.host: 'mqtt://broker' must be a host name or an address, without a port, a "
        "user or mqtt://",
        "mqtt.port: 65536 must be between 1 and 65535",
        "mqtt.base_topic: 'airway/+' must be words of A-Z a-z 0-9 _ - joined by single /, at "
        "most 200 characters",
        'log.level: \'warn\' must be one of "debug", "info", "warning", "error"; '
        'did you mean "warning"?',
        "log.json: 'yes' must be true or false",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('[source]\nkind = "wav"', 'source.path: missing; kind = "wav" needs the path of a file'),
        (
            '[source]\nkind = "stdin"\npath = "a.wav"',
            'source.path: not used by kind "stdin"; remove it or set kind = "wav"',
        ),
        (
            "[source]\nrepeat = true",
            'source.repeat: not used by kind "microphone"; remove it or set kind = "wav"',
        ),
        ('[mqtt]\npassword_file = "/p"', "mqtt.password_file: needs a username"),
        ('[mqtt]\nca_file = "/ca"', "mqtt.ca_file: only used with tls = true"),
        (
            '[mqtt]\ntls = true\ncert_file = "/c"',
            "mqtt.cert_file, key_file: give both or neither",
        ),
        ('night.end = "24:00"', "night.end: '24:00' must be a time of the day such as"),
        ('night.end = "21:00"', "night.start, end: a night needs two different times"),
        ('night.timezone = "Mars/X"', "night.timezone: 'Mars/X' must be a time zone such as"),
        ('night.timezone = "../etc"', "night.timezone: '../etc' must be a time zone such as"),
        ("mqtt = 3", "mqtt: 3 must be a table, written [mqtt]"),
        ("[[mqtt]]", "mqtt: [{}] must be a table, written [mqtt]"),
        ('store.path = "~/a.db"', "store.path: '~/a.db' must be a path, written out in full"),
        ("store.path = 3", "store.path: 3 must be a path in quotes"),
        ("mqtt.port = 1883.0", "mqtt.port: 1883.0 must be a whole number"),
        ('source.kind = ["wav"]', "source.kind: ['wav'] must be one of"),
        (
            "zzzzzz = 1",
            "zzzzzz: unknown key; valid here: node, source, model, store, mqtt, night, "
            "metrics, log",
        ),
    ],
)
def test_one_mistake_is_one_line(tmp_path, text, line):
    """Each kind of mistake gives exactly one line, which names the key and the remedy."""
    (found,) = errors(tmp_path, f'node = "n"\n{text}')
    assert found.startswith(line)


def test_a_bad_value_hides_no_contradiction_and_invents_none(tmp_path):
    """A misspelt kind is one error: its path is not blamed for the default kind."""
    (line,) = errors(tmp_path, 'node = "n"\nsource = { kind = "wave", path = "a.wav" }')
    assert line.endswith('did you mean "wav"?')


@pytest.mark.parametrize("node", ["", "a b", "a/b", "a+", "a#", "n" * 65, "küche"])
def test_a_node_is_one_level_of_a_topic(tmp_path, node):
    """Characters that would change the meaning of a topic are refused."""
    (line,) = errors(tmp_path, f'node = "{node}"')
    assert line == f"node: {node!r} must be 1 to 64 of the characters A-Z a-z 0-9 _ -"


def test_what_is_not_toml_is_refused_with_its_place(tmp_path):
    """Bad TOML, another encoding, a folder and a missing file are configuration errors."""
    with pytest.raises(ConfigError, match=r"is not valid TOML: .*line 1"):
        load(tmp_path, "node = bedroom")
    with pytest.raises(ConfigError, match=r"is not valid TOML: .*utf-8"):
        load(tmp_path, 'node = "n" # Küche'.encode("latin-1"))
    for path in (tmp_path, tmp_path / "nothing.toml"):
        with pytest.raises(ConfigError, match="can't read the configuration"):
            load_settings(path)
    assert ConfigError.exit_code == 78


def test_a_byte_order_mark_is_no_error(tmp_path):
    """A file from an editor that marks UTF-8 reads as any other."""
    assert load(tmp_path, b'\xef\xbb\xbfnode = "n"\r\n') == Settings("n")


def test_the_digest_follows_the_values(tmp_path):
    """The same values give one digest, whatever the file looks like; another value another."""
    one = load(tmp_path, 'node = "n"')
    same = load(tmp_path, '# a comment\nnode = "n"\n[mqtt]\nport = 1883')
    other = load(tmp_path, 'node = "n"\n[mqtt]\nport = 1884')
    assert one.digest == same.digest != other.digest
    assert len(one.digest) == 64


NAMES = [
    *(("source", name) for name in get_type_hints(SourceSettings)),
    *(("mqtt", name) for name in get_type_hints(MqttSettings)),
]
VALUES = st.one_of(
    st.integers(-(2**40), 2**40),
    st.booleans(),
    st.sampled_from(["", "wav", "stdin", "a b", "/x", "~", "x/y", "é"]),
)


@trials(deadline=None)  # a busy disk is slow
@given(st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6))
def test_any_values_are_taken_whole_or_refused_in_words(tmp_path_factory, values):
    """No combination of values gets through changed, and none escapes as another error."""
    words = {True: "true", False: "false"}
    lines = [
        f"{table}.{name} = "
        + (words[value] if isinstance(value, bool) else repr(value).replace("\\", "\\\\"))
        for (table, name), value in values.items()
    ]
    text = "\n".join(['node = "n"', *lines])
    document: dict[str, Any] = tomllib.loads(text)
    folder = tmp_path_factory.getbasetemp()
    try:
        settings = load(folder, text)
    except ConfigError as error:
        told = str(error)
        assert any(f"{table}." in told for table, _ in values)
        return
    for (table, name), value in values.items():
        found = getattr(getattr(settings, table), name)
        assert document[table][name] == value
        assert found == (folder / str(value) if isinstance(found, Path) else value)


def test_the_environment_goes_before_the_file(tmp_path):
    """AIRWAY_<TABLE>__<KEY> replaces a value, makes a missing one, and keeps its type."""
    path = tmp_path / "config.toml"
    path.write_text('[mqtt]\nhost = "a"\nport = 1')
    environ = {
        "AIRWAY_NODE": "n",
        "AIRWAY_MQTT__HOST": "b",
        "AIRWAY_MQTT__PORT": "8883",
        "AIRWAY_MQTT__USERNAME": "123",
        "AIRWAY_LOG__JSON": "true",
        "AIRWAY_STORE__PATH": "x.db",
        "AIRWAY_CORPUS": "somebody else's",
        "HOME": "/root",
    }
    settings = load_settings(path, environ)
    assert (settings.node, settings.mqtt.host, settings.mqtt.port) == ("n", "b", 8883)
    assert (settings.mqtt.username, settings.log.json) == ("123", True)
    assert settings.store.path == tmp_path / "x.db"
    with pytest.raises(ConfigError, match="node: missing"):
        load_settings(path)


def test_a_wrong_variable_is_named(tmp_path):
    """A bad value names the variable that brought it, and an unknown one the nearest."""
    path = tmp_path / "config.toml"
    path.write_text('node = "n"')
    environ = {
        "AIRWAY_MQTT__HOTS": "b",
        "AIRWAY_MQTT__PORT": "many",
        "AIRWAY_LOG__JSON": "1",
        "AIRWAY_METRICS__PORT": "1\nx = 2",
    }
    with pytest.raises(ConfigError) as caught:
        load_settings(path, environ)
    assert [line.strip() for line in str(caught.value).splitlines()[1:]] == [
        "AIRWAY_MQTT__HOTS: names no key of the configuration; did you mean AIRWAY_MQTT__HOST?",
        "mqtt.port: 'many' must be a whole number (set by AIRWAY_MQTT__PORT)",
        "log.json: 1 must be true or false (set by AIRWAY_LOG__JSON)",
    ]


@pytest.mark.parametrize(
    ("mode", "warned"),
    [(0o600, 0), (0o400, 0), (0o640, 0), (0o644, 1), (0o604, 1), (0o660, 1), (0o666, 1)],
)
def test_a_secret_that_others_may_read_is_told(tmp_path, caplog, mode, warned):
    """Loose permissions of a password file give one warning with the file and the remedy."""
    secret = tmp_path / "password"
    secret.write_text("x")
    secret.chmod(mode)
    load(tmp_path, 'node = "n"\nmqtt = { username = "u", password_file = "password" }')
    assert len(caplog.records) == warned
    if warned:
        assert f"mqtt.password_file: other users may read or change {secret}" in caplog.text
        assert f"{mode:03o}" in caplog.text


@pytest.mark.parametrize("name", ["a\\u0000b", "x" * 201, "a\\nb"])
def test_a_user_name_is_one_that_a_broker_takes(tmp_path, name):
    """A NUL, a line break or a name without an end is refused before it meets the broker."""
    (line,) = errors(tmp_path, f'node = "n"\nmqtt.username = "{name}"')
    assert "mqtt.username" in line
    assert "at most 200 characters that can be printed" in line
    assert load(tmp_path, 'node = "n"\nmqtt.username = "Jürgen 1"').mqtt.username == "Jürgen 1"


def test_bytes_of_no_encoding_are_no_user_name(tmp_path):
    """An environment may hold what is no text."""
    path = tmp_path / "config.toml"
    path.write_text('node = "n"')
    with pytest.raises(ConfigError, match=r"mqtt\.username"):
        load_settings(path, {"AIRWAY_MQTT__USERNAME": "\udcff"})


def test_a_missing_secret_is_no_matter_of_permissions(tmp_path, caplog):
    """A file that is not there gives no warning here; its user says what is wrong."""
    load(tmp_path, 'node = "n"\nmqtt = { username = "u", password_file = "password" }')
    assert not caplog.records


SCHEMA = Path(edge.__file__).parent / "schemas" / "config.json"


def test_the_shipped_schema_is_that_of_the_code():
    """`edge/schemas/config.json` is what `airway check-config --schema` prints."""
    assert json.loads(SCHEMA.read_text()) == json_schema()
    jsonschema.Draft202012Validator.check_schema(json_schema())


@trials(deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            [
                ("mqtt", "host"),
                ("mqtt", "port"),
                ("mqtt", "keepalive_s"),
                ("mqtt", "base_topic"),
                ("source", "kind"),
                ("source", "rate_hz"),
                ("store", "max_mb"),
                ("night", "start"),
                ("log", "json"),
                ("log", "unknown"),
            ]
        ),
        st.one_of(
            st.integers(-5, 200_000),
            st.booleans(),
            st.sampled_from(["", "stdin", "21:30", "21:60", "a b", "a/b", "a//b", "é"]),
        ),
        max_size=4,
    )
)
def test_the_schema_and_the_reader_agree(tmp_path_factory, values):
    """Whatever one of the two refuses, the other does, for rules that hold within one value."""
    document: dict[str, Any] = {"node": "n"}
    for (table, name), value in values.items():
        document.setdefault(table, {})[name] = value
    validator = jsonschema.Draft202012Validator(json_schema())
    lines = [
        f"{table}.{name} = {json.dumps(value, ensure_ascii=False)}"
        for (table, name), value in values.items()
    ]
    refusal = ""
    try:
        load(tmp_path_factory.getbasetemp(), "\n".join(['node = "n"', *lines]))
    except ConfigError as error:
        refusal = str(error)
    if "path: missing" not in refusal:  # two values that contradict: not the schema's business
        assert validator.is_valid(document) == (not refusal), refusal


def test_every_field_is_documented():
    """Each setting has its line in the docstring of its table."""
    for name, hint in get_type_hints(Settings).items():
        if name == "node":
            continue
        for item in dataclasses.fields(hint):
            assert f" {item.name}" in (hint.__doc__ or ""), f"{name}.{item.name}"


@pytest.mark.parametrize("board", BOARDS, ids=lambda path: path.stem)
def test_each_board_is_valid(board):
    """A shipped configuration loads; what it leaves out has a default."""
    assert load_settings(board).node


def test_one_board_shows_every_key():
    """The file that explains the keys has every key of every table, set or as a comment."""
    (board,) = (path for path in BOARDS if path.stem == "raspberry-pi")
    shown = board.read_text().replace("# ", "")
    for name, hint in get_type_hints(Settings).items():
        if name != "node":
            assert f"\n[{name}]" in shown
            for item in dataclasses.fields(hint):
                assert f"\n{item.name} = " in shown, f"{name}.{item.name}"


def test_there_are_boards():
    """The test above has something to look at."""
    assert BOARDS
    assert get_args(get_type_hints(Settings, include_extras=True)["node"])
