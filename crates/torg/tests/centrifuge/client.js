// The client library of Partizap's pages, as it comes from its registry. It connects with the session's cookie alone, prints what
// happens as one JSON object a line, and comes back by itself when it is cut off. It ends with its input.
//
//     SESSION=… node client.js ws://127.0.0.1:8080/connection/websocket
"use strict";

const { Centrifuge } = require("centrifuge");
const WebSocket = require("ws");

// Browsers send the cookie and the page's origin along by themselves.
class WebSocketOfABrowser extends WebSocket {
  constructor(url, protocols) {
    const headers = { Cookie: `PARTIZAP_SESSION=${process.env.SESSION}` };
    super(url, protocols, { headers, origin: new URL(url).origin.replace("ws", "http") });
  }
}

const centrifuge = new Centrifuge(process.argv[2], {
  websocket: WebSocketOfABrowser,
  minReconnectDelay: 20,
  maxReconnectDelay: 200,
});

for (const event of ["connected", "connecting", "disconnected", "subscribed", "unsubscribed", "publication", "error"]) {
  centrifuge.on(event, (context) => console.log(JSON.stringify({ event, ...context })));
}
centrifuge.connect();

process.stdin.resume();
process.stdin.on("end", () => process.exit());
