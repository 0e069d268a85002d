"""Messages arrive as they were sent, however the bytes between are cut, and half of one is none."""

import asyncio
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maskdcpt.serving.frames import Message, read_message, receive_message

VALUES = st.dictionaries(st.text(), st.none() | st.booleans() | st.floats(allow_nan=False) | st.text())
MESSAGES = st.builds(Message, VALUES, st.lists(st.binary(max_size=50), max_size=4).map(tuple))


@given(st.lists(MESSAGES, max_size=3))
def test_messages_arrive(messages):
    data = b"".join(message.encode() for message in messages)
    stream = io.BytesIO(data)
    assert [read_message(stream) for _ in messages] == messages
    with pytest.raises(EOFError):
        read_message(stream)

    async def receive():
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        return [await receive_message(reader) for _ in messages]

    assert asyncio.run(receive()) == messages


@given(MESSAGES, st.data())
def test_part_of_a_message_is_none(message, data):
    whole = message.encode()
    part = whole[: data.draw(st.integers(0, len(whole) - 1))]
    with pytest.raises(EOFError):
        read_message(io.BytesIO(part))
