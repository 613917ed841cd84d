# A webhook as a process: checks each signature, writes the event's id, line, decision and digest to its output, then acknowledges.
import base64, hashlib, hmac, http.server, json, sys

port, secret = int(sys.argv[1]), base64.b64decode(sys.argv[2].removeprefix("whsec_"))


class Webhook(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        signed = f'{self.headers["webhook-id"]}.{self.headers["webhook-timestamp"]}.'.encode() + body
        expected = "v1," + base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()
        genuine = any(hmac.compare_digest(expected, s) for s in self.headers["webhook-signature"].split())
        if genuine:
            data = json.loads(body)["data"]
            sys.stdout.write(f'{self.headers["webhook-id"]} {data["line"]} {data["id"]} {data["digest"]}\n')
            sys.stdout.flush()
        self.send_response(204 if genuine else 401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        pass  # A sender that was killed.


server = Server(("127.0.0.1", port), Webhook)
print("listening", flush=True)
server.serve_forever()
