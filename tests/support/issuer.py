"""An OpenID Connect provider for tests: real keys by openssl, a JWK set over TLS, tokens."""
import base64, http.server, json, os, ssl, subprocess, tempfile, threading, time


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, capture_output=True, check=True).stdout


class Key:
    MAKE = {"RS256": ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"),
            "ES256": ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"),
            "EdDSA": ("-algorithm", "ED25519")}

    def __init__(self, directory, algorithm, kid):
        self.algorithm, self.kid = algorithm, kid
        self.path = os.path.join(directory, kid + ".pem")
        openssl("genpkey", *self.MAKE[algorithm], "-out", self.path)
        self.public = openssl("pkey", "-in", self.path, "-pubout", "-outform", "DER")

    def jwk(self):
        common = {"kid": self.kid, "alg": self.algorithm, "use": "sig"}
        if self.algorithm == "RS256":
            n = openssl("rsa", "-in", self.path, "-noout", "-modulus").decode().strip().split("=")[1]
            return {"kty": "RSA", "n": b64(bytes.fromhex(n)), "e": "AQAB", **common}
        if self.algorithm == "ES256":
            return {"kty": "EC", "crv": "P-256", "x": b64(self.public[-64:-32]), "y": b64(self.public[-32:]), **common}
        return {"kty": "OKP", "crv": "Ed25519", "x": b64(self.public[-32:]), **common}

    def sign(self, text):
        if self.algorithm == "EdDSA":
            with tempfile.NamedTemporaryFile() as f:
                f.write(text)
                f.flush()
                return openssl("pkeyutl", "-sign", "-inkey", self.path, "-rawin", "-in", f.name)
        der = openssl("dgst", "-sha256", "-sign", self.path, data=text)
        if self.algorithm == "RS256":
            return der
        numbers, at = [], 2  # SEQUENCE of two INTEGERs (RFC 3279 §2.2.3), here the bare numbers (RFC 7518 §3.4)
        for _ in range(2):
            size = der[at + 1]
            numbers.append(int.from_bytes(der[at + 2:at + 2 + size], "big").to_bytes(32, "big"))
            at += 2 + size
        return b"".join(numbers)


class Issuer:
    """`requests` are the paths that were asked for; `answers` may replace what a path says: (status, body)."""

    def __init__(self, directory):
        self.directory, self.keys, self.requests, self.answers, self.slow = directory, {}, [], {}, 0
        self.ca = os.path.join(directory, "issuer.crt")
        key = os.path.join(directory, "issuer.key")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", self.ca, "-days", "2",
                "-subj", "/CN=issuer", "-addext", "subjectAltName=IP:127.0.0.1")
        issuer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                issuer.requests.append(self.path)
                time.sleep(issuer.slow)
                status, body = issuer.answer(self.path)
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.ca, key)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def add_key(self, algorithm, kid):
        self.keys[kid] = Key(self.directory, algorithm, kid)

    def jwks(self):
        return json.dumps({"keys": [k.jwk() for k in self.keys.values()]}).encode()

    def answer(self, path):
        if path in self.answers:
            return self.answers[path]
        if path == "/.well-known/openid-configuration":
            return 200, json.dumps({"issuer": self.url, "jwks_uri": self.url + "/keys"}).encode()
        return (200, self.jwks()) if path == "/keys" else (404, b"")

    def token(self, kid, audience="box", life=300, **claims):
        now = int(time.time())
        header = {"alg": self.keys[kid].algorithm, "kid": kid, "typ": "JWT"}
        payload = {"iss": self.url, "aud": audience, "iat": now, "nbf": now, "exp": now + life, **claims}
        text = b64(json.dumps(header).encode()) + "." + b64(json.dumps(payload).encode())
        return text + "." + b64(self.keys[kid].sign(text.encode()))
