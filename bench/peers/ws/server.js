// SPDX-License-Identifier: Apache-2.0
// server.js: Node's ws as a peer: receivers on any path, orders ("all K TEXT") on /control.
const { WebSocketServer } = require("ws");

const receivers = new Set();
const server = new WebSocketServer({
  host: "127.0.0.1",
  port: Number(process.env.PORT),
  backlog: 4096,
  perMessageDeflate: false,
  clientTracking: false,
});

server.on("connection", (socket, request) => {
  socket.on("error", () => socket.terminate());
  if (request.url === "/control") {
    socket.on("message", (order) => obey(order.toString()));
    return;
  }
  receivers.add(socket);
  socket.on("close", () => receivers.delete(socket));
});

function obey(order) {
  const found = /^all (\d+) /.exec(order);
  const text = Buffer.from(order.slice(found[0].length));
  for (let i = Number(found[1]); i > 0; i--) {
    for (const socket of receivers) socket.send(text, { binary: false });
  }
}
