# SPDX-License-Identifier: Apache-2.0
# app.py: FastAPI as a peer: receivers on /ws, orders ("all K TEXT") on /control.
import fastapi

app = fastapi.FastAPI()
receivers = set()


@app.websocket("/ws")
async def receive(socket: fastapi.WebSocket):
    await socket.accept()
    receivers.add(socket)
    try:
        while True:
            await socket.receive_text()
    except fastapi.WebSocketDisconnect:
        receivers.discard(socket)


@app.websocket("/control")
async def control(socket: fastapi.WebSocket):
    await socket.accept()
    try:
        while True:
            _, count, text = (await socket.receive_text()).split(" ", 2)
            for _ in range(int(count)):
                for receiver in list(receivers):
                    await receiver.send_text(text)
    except fastapi.WebSocketDisconnect:
        return
