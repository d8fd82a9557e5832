// SPDX-License-Identifier: Apache-2.0
// server.js: Bun as a peer: receivers on any path, orders ("all K TEXT") on /control.
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: Number(process.env.PORT),
  fetch(request, server) {
    const control = new URL(request.url).pathname === "/control";
    return server.upgrade(request, { data: control }) ? undefined : new Response("", { status: 426 });
  },
  websocket: {
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    open(ws) {
      if (!ws.data) ws.subscribe("all");
    },
    message(ws, order) {
      if (!ws.data) return;
      const found = /^all (\d+) /.exec(order);
      const text = order.slice(found[0].length);
      for (let i = Number(found[1]); i > 0; i--) server.publish("all", text);
    },
  },
});
