"""Random OTLP messages, each in two encodings made by Python's protobuf: bytes, and JSON by OTLP's rules.

    python messages.py COUNT SEED

A line each: signal, base64 of the bytes, the JSON. The message types come from the package opentelemetry-proto; the JSON is
google.protobuf.json_format's, with OTLP's differences (ids in hex, enums as numbers) and with what ProtoJSON leaves open
chosen at random: numbers or text, order, white space, null, defaults written or not, unknown keys, base64 alphabets.
"""

import base64
import json
import random
import struct
import sys

from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor as Field
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

count, seed = int(sys.argv[1]), int(sys.argv[2])
rng = random.Random(seed)

TEXTS = ["", "a", "service.name", "GET /cart", "käse", "😀\u2028", '"\\/\b\f\n\r\t', "\u0000\u0001\u007f", "$own", "1", "null", "x" * 300]
IDS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}
# A number on the edge of what a type, a double or a JSON reader can hold.
EDGES = [0, 1, 2, 9, 10, 99, 1000, 2**31 - 1, 2**31, 2**32 - 1, 2**53 - 1, 2**53, 2**53 + 1, 1_700_000_000_123_456_789, 2**63 - 1, 2**63, 2**64 - 1]
RANGES = {
    Field.TYPE_INT32: (-(2**31), 2**31 - 1), Field.TYPE_SINT32: (-(2**31), 2**31 - 1), Field.TYPE_SFIXED32: (-(2**31), 2**31 - 1),
    Field.TYPE_UINT32: (0, 2**32 - 1), Field.TYPE_FIXED32: (0, 2**32 - 1), Field.TYPE_INT64: (-(2**63), 2**63 - 1), Field.TYPE_SINT64: (-(2**63), 2**63 - 1),
    Field.TYPE_SFIXED64: (-(2**63), 2**63 - 1), Field.TYPE_UINT64: (0, 2**64 - 1), Field.TYPE_FIXED64: (0, 2**64 - 1), Field.TYPE_ENUM: (0, 40),
}


def is_repeated(field):
    repeated = getattr(field, "is_repeated", None)
    return field.label == Field.LABEL_REPEATED if repeated is None else repeated


def scalar(field):
    kind = field.type
    if kind in RANGES:
        low, high = RANGES[kind]
        number = rng.choice(EDGES) * rng.choice([1, 1, -1]) if rng.random() < 0.7 else rng.randint(low, high)
        return min(max(number, low), high)
    if kind == Field.TYPE_BOOL:
        return rng.random() < 0.5
    if kind == Field.TYPE_DOUBLE:
        edges = [0.0, -0.0, 1.0, -1.5, 1e300, 5e-324, float("inf"), float("-inf"), float("nan"), 0.1, 1e21, 123456789.0]
        value = rng.choice(edges) if rng.random() < 0.8 else struct.unpack("<d", rng.randbytes(8))[0]
        # ProtoJSON has one NaN.
        return float("nan") if value != value else value
    if kind == Field.TYPE_STRING:
        return rng.choice(TEXTS)
    width = IDS.get(field.name)
    return rng.randbytes(width if width and rng.random() < 0.8 else rng.randrange(0, 20))


def fill(message, depth):
    for field in message.DESCRIPTOR.fields:
        # One alternative of a oneof, sometimes none.
        if field.containing_oneof and field is not oneof_choice(message, field.containing_oneof, depth):
            continue
        if rng.random() < 0.25 and not field.containing_oneof and depth > 3:
            continue
        if field.type == Field.TYPE_MESSAGE:
            if is_repeated(field):
                for _ in range(rng.choice([0, 1, 1, 2, 3]) if depth < 14 else 0):
                    fill(getattr(message, field.name).add(), depth + 1)
            else:
                child = getattr(message, field.name)
                child.SetInParent()
                fill(child, depth + 1)
        elif is_repeated(field):
            getattr(message, field.name).extend(scalar(field) for _ in range(rng.choice([0, 1, 2, 5])))
        else:
            setattr(message, field.name, scalar(field))


choices = {}


def oneof_choice(message, oneof, depth):
    key = (id(message), oneof.full_name)
    if key not in choices:
        fields = [field for field in oneof.fields if depth < 12 or field.type != Field.TYPE_MESSAGE]
        choices[key] = rng.choice([None, *fields, *fields])
    return choices[key]


def vary(value, message, field=None):
    """The dictionary of json_format, with what is open chosen at random."""
    if isinstance(value, dict):
        fields = {each.json_name: each for each in message.fields}
        pairs = [(key, vary_field(part, fields[key])) for key, part in value.items()]
        missing = [name for name in fields if name not in value]
        if missing and rng.random() < 0.1:
            pairs.append((rng.choice(missing), None))
        if rng.random() < 0.1:
            pairs.append((rng.choice(["unknown", "trace_id", "start_time_unix_nano", "KEY", ""]), rng.choice([None, 1, "x", [], {"a": [{"b": []}]}, [[1.5]]])))
        if rng.random() < 0.3:
            rng.shuffle(pairs)
        return dict(pairs)
    return value


def vary_field(value, field):
    if is_repeated(field):
        return [vary_one(item, field) for item in value]
    return vary_one(value, field)


def vary_one(value, field):
    if field.type == Field.TYPE_MESSAGE:
        return vary(value, field.message_type)
    if field.type == Field.TYPE_BYTES:
        raw = base64.b64decode(value)
        if field.name in IDS:
            digits = raw.hex()
            return rng.choice([digits, digits.upper(), "".join(rng.choice([c, c.upper()]) for c in digits)])
        text = rng.choice([base64.b64encode, base64.urlsafe_b64encode])(raw).decode()
        return rng.choice([text, text.rstrip("=")])
    if field.type == Field.TYPE_ENUM:
        return int(value)
    if field.type in RANGES:
        number = int(value)
        shapes = [number, str(number), Verbatim(str(number))]
        if number and number % 1000 == 0:
            shapes.append(Verbatim(f"{number // 1000}e3"))
            shapes.append(f"{number // 1000}E+3")
        return rng.choice(shapes)
    if field.type == Field.TYPE_DOUBLE and isinstance(value, (int, float)) and rng.random() < 0.2:
        return repr(float(value))
    return value


class Verbatim(float):
    """A number that is written as it stands."""

    def __new__(cls, text):
        self = super().__new__(cls, 0.0)
        self.text = text
        return self

    def __repr__(self):
        return self.text


def write(value):
    # json's C encoder would write a float's own text: containers are written here.
    space = lambda: rng.choice(["", "", "", " ", "\n\t"])
    if isinstance(value, dict):
        return "{" + space() + ",".join(f"{space()}{write(key)}{space()}:{space()}{write(part)}{space()}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + space() + ("," + space()).join(write(item) for item in value) + space() + "]"
    if isinstance(value, Verbatim):
        return value.text
    return json.dumps(value, ensure_ascii=rng.random() < 0.5)


for number in range(count):
    signal, kind = [("spans", ExportTraceServiceRequest), ("logs", ExportLogsServiceRequest), ("metrics", ExportMetricsServiceRequest)][number % 3]
    message = kind()
    choices.clear()
    fill(message, 0)
    options = {"use_integers_for_enums": True, "always_print_fields_with_no_presence": rng.random() < 0.3}
    text = write(vary(json_format.MessageToDict(message, **options), message.DESCRIPTOR)).replace("\n", " ")
    sys.stdout.write(f"{signal}\t{base64.b64encode(message.SerializeToString()).decode()}\t{text.replace(chr(9), ' ')}\n")
