"""What a recording offers, whatever it is kept in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

Encoding = Literal["cdr", "json", "other"]


@dataclass(frozen=True)
class Channel:
    """One kind of message on one topic.

    Attributes:
        topic: such as `/joint_states`.
        type_name: such as `sensor_msgs/msg/JointState`; empty where the recording does not say.
        encoding: of the bytes; `other` for what is not read.
        named: the encoding as the recording names it.
        decode: bytes to a message; raises InputError where they are none, or the encoding is not read.
    """

    topic: str
    type_name: str
    encoding: Encoding
    named: str
    decode: Callable[[bytes], object] = field(repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class RawMessage:
    """One message.

    Attributes:
        channel: where it is from.
        log_ns: when it was written down, the recorder's wall clock.
        publish_ns: when it was sent; the same as `log_ns` where the recording does not say.
        data: its bytes.
    """

    channel: Channel
    log_ns: int
    publish_ns: int
    data: bytes


@dataclass
class Found:
    """What reading a recording brought to light besides its messages; filled while it is read.

    Attributes:
        cut: why it could not be read to its end; empty where it could.
        metadata: records of the file, name to keys and values.
        attachments: name to bytes.
    """

    cut: str = ""
    metadata: dict[str, Mapping[str, str]] = field(default_factory=dict)
    attachments: dict[str, bytes] = field(default_factory=dict)


class Recording(Protocol):
    """A recording that can be gone through more than once."""

    @property
    def path(self) -> Path:
        """The file or folder."""
        ...

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file of it, in order."""
        ...

    @property
    def format(self) -> str:
        """`mcap`, `rosbag2_mcap` or `rosbag2_sqlite3`."""
        ...

    def messages(self, found: Found) -> Iterator[RawMessage]:
        """Every message in the order in which they lie; notes in `found` what else there is.

        Raises:
            InputError: it is not such a recording, or nothing of it can be read.
        """
        ...
