#!/usr/bin/env python3
"""Follows the prediction events of an organisation by WatchPredictions, through restarts, and counts them.

    pip install grpcio grpcio-tools
    python3 -m grpc_tools.protoc --proto_path=proto --python_out=made --grpc_python_out=made \\
        $(cd proto && find valutai -name '*.proto')
    PYTHONPATH=made VALUTAI_TOKEN=KEY python3 docs/samples/follow_grpc.py 127.0.0.1:50051 [SECONDS]

Ends after so many seconds, or never. The cursor is kept in memory here; keep it where the events go.
"""
import collections
import os
import sys
import time

import grpc
from valutai.prediction.v1 import service_pb2, service_pb2_grpc

# Where nothing is said these are what one waits for: the gateway ends a watch with it when it stops.
AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN}


def follow(address, token, until):
    kinds = [service_pb2.WATCH_KIND_MADE, service_pb2.WATCH_KIND_OUTCOME, service_pb2.WATCH_KIND_PROMOTED]
    seen, counts, breaks, cursor = set(), collections.Counter(), 0, ""
    metadata = [("authorization", f"Bearer {token}")]
    with grpc.insecure_channel(address, [("grpc.max_reconnect_backoff_ms", 1000)]) as channel:
        stub = service_pb2_grpc.PredictionServiceStub(channel)
        while time.monotonic() < until:
            request = service_pb2.WatchPredictionsRequest(cursor=cursor, kinds=kinds)
            left = None if until == float("inf") else max(until - time.monotonic(), 0.1)
            try:
                for message in stub.WatchPredictions(request, metadata=metadata, timeout=left, wait_for_ready=True):
                    if not cursor:
                        print("following", flush=True)
                    # A heartbeat has a cursor and nothing else.
                    cursor = message.cursor
                    for field, event in message.ListFields():
                        if field.name == "event":
                            key = event.prediction_id
                        elif field.name == "outcome":
                            key = (event.quote_ref, event.version)
                        elif field.name == "promoted":
                            key = (event.model_id, event.promoted_at.ToNanoseconds())
                        else:
                            continue
                        counts[field.name if key not in seen else f"{field.name} again"] += 1
                        seen.add(key)
            except grpc.RpcError as error:
                if error.code() == grpc.StatusCode.DEADLINE_EXCEEDED:
                    break
                if error.code() not in AGAIN:
                    raise
                breaks += 1
                time.sleep(0.2)
    print(f"different events: {len(seen)}, breaks: {breaks}, {dict(counts)}")


if __name__ == "__main__":
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else float("inf")
    follow(sys.argv[1], os.environ["VALUTAI_TOKEN"], time.monotonic() + seconds)
