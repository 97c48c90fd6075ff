#!/usr/bin/env python3
"""Follows the prediction events of an organisation on NATS, through restarts, and counts them.

    pip install nats-py
    VALUTAI_STREAM_URL=nats://LOGIN:SECRET@HOST:4222 python3 follow_nats.py [SECONDS]

Ends after so many seconds, or never. Reads no protobuf library: what it needs of a batch is little.
"""
import asyncio
import collections
import os
import sys
import time
from urllib.parse import urlsplit

import nats
import nats.errors
import nats.js.errors

BATCH = "application/cloudevents-batch+protobuf"
# Numbers of fields of EventBatch and BatchedEvent.
EVENTS, ID, DATA = 1, 1, 6


def fields(data):
    """The fields of a protobuf message that have a length: number and bytes. Others are passed over."""
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    while at < len(data):
        key = varint()
        kind = key & 7
        if kind == 2:
            size = varint()
            yield key >> 3, data[at:at + size]
            at += size
        elif kind == 0:
            varint()
        else:
            at += {1: 8, 5: 4}[kind]


def events(message):
    """What a message carries: id and bytes of each event. A batch is valutai.common.v1.EventBatch."""
    headers = message.headers or {}
    if headers.get("content-type") != BATCH:
        yield headers.get("ce-id", ""), message.data
        return
    for number, event in fields(message.data):
        if number == EVENTS:
            parts = dict(fields(event))
            yield parts[ID].decode(), parts.get(DATA, b"")


async def connect(url):
    login = urlsplit(url).username
    options = {"inbox_prefix": f"_INBOX_{login}".encode(), "max_reconnect_attempts": -1, "reconnect_time_wait": 0.5}
    while True:
        try:
            connection = await nats.connect(url, **options)
            jetstream = connection.jetstream(domain="valutai")
            return connection, await jetstream.pull_subscribe_bind(login, stream="valutai-prediction")
        except (OSError, nats.errors.Error):
            await asyncio.sleep(0.5)


async def follow(url, until):
    seen, counts, breaks = set(), collections.Counter(), 0
    connection, subscription = await connect(url)
    print("following", flush=True)
    while time.monotonic() < until:
        try:
            messages = await subscription.fetch(100, timeout=1)
        except (nats.errors.TimeoutError, asyncio.TimeoutError):
            continue
        except (nats.errors.Error, nats.js.errors.Error, OSError):
            messages = None
        if messages is None or connection.is_closed:
            # The client gives up where it is told that its hour is over, and may wait for a server that has gone.
            breaks += 1
            await connection.close()
            connection, subscription = await connect(url)
            continue
        for message in messages:
            for event_id, _ in events(message):
                name = (message.headers or {}).get("ce-type", message.subject).rsplit(".", 1)[-1]
                # At least once: what comes again has the id that it had.
                counts[name if event_id not in seen else f"{name} again"] += 1
                seen.add(event_id)
            try:
                await message.ack_sync(timeout=2)
            except (nats.errors.Error, nats.js.errors.Error, OSError):
                break  # delivered again
    await connection.close()
    print(f"different events: {len(seen)}, breaks: {breaks}, {dict(counts)}")


if __name__ == "__main__":
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else float("inf")
    asyncio.run(follow(os.environ["VALUTAI_STREAM_URL"], time.monotonic() + seconds))
