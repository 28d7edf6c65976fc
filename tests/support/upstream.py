"""
A registry of our own for a proxy to stand in front of: it serves what it is given, counts every request, and misbehaves on
command. Standard library and openssl's program only.

    with Upstream(auth="bearer") as up:
        digest, data = up.add_image("library/app", "1", layers=[b"x" * 100000])
        up.behave(kind="blob", drop_after=5000, times=1)
        ...
        up.count(kind="blob", method="GET")

As a program: upstream.py [--plain] [--auth WAY] [--user NAME:PASSWORD] [--cdn] [--limit N] NAME:TAG=BYTES[,BYTES...] ...
prints its addresses and content, a "KEY VALUE..." a line up to "ready", and serves until its stdin ends. Its control
address takes GET /_counts and, with a JSON object as body, POST /_behave (the rule), /_settle, /_vanish, /_return,
/_release.
"""
import argparse, base64, collections, contextlib, hashlib, http.server, json, os, random, re, secrets, shutil, socket, ssl
import subprocess, sys, tempfile, threading, time, urllib.parse

OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"

# what Docker Hub says when its limit is used up; without the text it is its limit on abuse
TOO_MANY = {"status": 429, "body": json.dumps({"errors": [{
    "code": "TOOMANYREQUESTS", "message": "You have reached your pull rate limit."}]})}

ROUTES = [(kind, re.compile(pattern)) for kind, pattern in (
    ("ping", r"/v2/?"),
    ("catalog", r"/v2/_catalog"),
    ("manifest", r"/v2/(?P<name>.+)/manifests/(?P<reference>[^/]+)"),
    ("blob", r"/v2/(?P<name>.+)/blobs/(?P<reference>[^/]+)"),
    ("tags", r"/v2/(?P<name>.+)/tags/list"),
    ("referrers", r"/v2/(?P<name>.+)/referrers/(?P<reference>[^/]+)"),
    ("token", r"/token"),
    ("cdn", r"/cdn/(?P<name>.+)/(?P<reference>[^/]+)"),
    ("echo", r"/echo"),
)]

WHEN = {"kind", "method", "name", "reference"}
WHAT = {
    "times",            # so often, then the rule is gone; else for ever
    "wait_s",           # before the head
    "hang",             # no head at all, until the client leaves
    "close",            # the connection, without a head
    "status", "fields", "body",  # another answer
    "redirect",         # 307 to this address; "cdn": to the CDN's copy
    "location_status",  # of such a redirect, in place of 307
    "bytes_per_s",      # of the body
    "drop_after",       # so many bytes of the body the connection is cut
    "stall_after",      # so many bytes of the body nothing comes any more
    "hold_after",       # so many bytes of the body it waits for release()
    "corrupt",          # one byte of the body is another
    "length_off",       # Content-Length is wrong by so much
    "no_range",         # Range is ignored
    "no_length",        # chunked
}


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def make_certificates(directory, names):
    """ca.crt, and a leaf of it for `names` (as in subjectAltName) in leaf.pem."""
    def openssl(*args):
        subprocess.run(["openssl", *args], cwd=directory, check=True, capture_output=True)

    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    openssl("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.crt", "-subj", "/CN=test CA", "-days", "2",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    with open(directory + "/extensions", "w") as f:
        f.write(f"subjectAltName={names}\nbasicConstraints=critical,CA:FALSE\n")
    openssl("req", *key, "-keyout", "leaf.key", "-out", "leaf.csr", "-subj", "/CN=test upstream")
    openssl("x509", "-req", "-in", "leaf.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-set_serial", "2", "-days", "2",
            "-extfile", "extensions", "-out", "leaf.crt")
    with open(directory + "/leaf.pem", "w") as out:
        for name in ("leaf.key", "leaf.crt"):
            with open(f"{directory}/{name}") as f:
                out.write(f.read())


class Cut(Exception):
    """The connection ends here."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "upstream"
    disable_nagle_algorithm = True

    def setup(self):
        super().setup()
        self.up = self.server.up
        with self.up.lock:
            self.up.connections.add(self.connection)
            self.up.connections_made += 1

    def finish(self):
        with self.up.lock:
            self.up.connections.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def handle(self):
        with contextlib.suppress(OSError, ssl.SSLError, Cut):
            super().handle()
        self.close_connection = True

    def log_message(self, *args):
        pass

    def do_GET(self):
        self.serve()

    do_HEAD = do_POST = do_GET

    def serve(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.request_body = self.rfile.read(length)
        url = urllib.parse.urlsplit(self.path)
        self.query = urllib.parse.parse_qs(url.query)
        self.kind, self.name, self.reference = "other", None, None
        for kind, pattern in ROUTES:
            if found := pattern.fullmatch(url.path):
                self.kind = kind
                parts = found.groupdict()
                self.name, self.reference = parts.get("name"), parts.get("reference")
                break
        self.entry = {"kind": self.kind, "method": self.command, "name": self.name, "reference": self.reference,
                      "range": self.headers.get("Range"), "authorization": self.headers.get("Authorization"),
                      "agent": self.headers.get("User-Agent"), "via": self.headers.get("Via"), "on": "cdn" if self.server.is_cdn else "main"}
        rule = self.up.take_rule(self.entry)
        self.gate = self.up.gate  # of this moment: a release that comes before the body has reached its hold counts
        self.up.note(self.entry)
        if rule.get("close"):
            raise Cut
        if rule.get("hang") or rule.get("wait_s"):
            self.up.wait(rule.get("wait_s"))
        if rule.get("hang"):
            raise Cut
        self.respond(rule)

    # ---- what is said ----

    def answer(self, status, fields=(), body=b"", rule={}):
        fields, part = dict(fields), body
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        if status == 200 and wanted and self.kind in ("blob", "cdn") and self.up.ranges and not rule.get("no_range"):
            first, last = int(wanted[1]), min(int(wanted[2] or len(body)), len(body) - 1)
            if first >= len(body):
                status, part, fields = 416, b"", {"Content-Range": f"bytes */{len(body)}"}
            else:
                status, part = 206, body[first:last + 1]
                fields["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
        if rule.get("corrupt") and part:
            part = part[:-1] + bytes([part[-1] ^ 1])
        self.entry["status"] = status
        self.send_response(status)
        for name, value in fields.items():
            for one in value if isinstance(value, list) else [value]:
                self.send_header(name, one)
        chunked = bool(rule.get("no_length"))
        if chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(len(part) + rule.get("length_off", 0)))
        self.end_headers()
        if self.command != "HEAD":
            self.send_body(part, rule, chunked)
        if rule.get("length_off"):
            raise Cut

    def send_body(self, body, rule, chunked):
        stop = min(rule.get("drop_after", len(body)), rule.get("stall_after", len(body)))
        hold, rate, at = rule.get("hold_after"), rule.get("bytes_per_s"), 0
        step = max(1, rate // 20) if rate else 1 << 18
        while at < stop:
            if hold is not None and at >= hold:
                self.gate.wait()
                hold = None
            end = min(at + step, stop, len(body) if hold is None else hold)
            piece = body[at:end]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            self.up.bytes_sent += len(piece)
            at = end
            if rate:
                self.up.wait(step / rate)
        if hold is not None and hold >= len(body):
            self.gate.wait()
        if "stall_after" in rule:
            self.up.wait(None)
        if "stall_after" in rule or "drop_after" in rule:
            raise Cut
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def error(self, status, code, fields=()):
        body = json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode()
        self.answer(status, {"Content-Type": "application/json", **dict(fields)}, body)

    def challenge(self):
        realm = self.up.realm or self.up.url + "/token"
        bearer = f'Bearer realm="{realm}",service="test-upstream"'
        if self.name:
            bearer += f',scope="repository:{self.name}:pull"'
        basic = 'Basic realm="test upstream"'
        ways = {"bearer": bearer, "basic": basic, "both": f"{basic}, {bearer}", "two-fields": [basic, bearer]}
        self.error(401, "UNAUTHORIZED", {"WWW-Authenticate": ways[self.up.auth]})

    # ---- who may ----

    def is_basic_good(self):
        scheme, _, value = (self.headers.get("Authorization") or "").partition(" ")
        try:
            return scheme.lower() == "basic" and base64.b64decode(value).decode() == self.up.user
        except ValueError:
            return False

    def may(self):
        if self.up.auth == "none":
            return True
        scheme, _, value = (self.headers.get("Authorization") or "").partition(" ")
        if self.up.auth != "bearer" and self.is_basic_good():
            return True
        names, until = self.up.tokens.get(value, ((), 0))
        return (self.up.auth != "basic" and scheme.lower() == "bearer" and until > time.monotonic() and
                (not self.name or self.name in names))

    def give_token(self):
        if self.command == "POST":
            return self.error(405, "UNSUPPORTED")  # as ghcr.io
        if self.headers.get("Authorization") or not self.up.anonymous:
            if not self.is_basic_good():
                return self.error(401, "UNAUTHORIZED", {"WWW-Authenticate": 'Basic realm="test upstream"'})
        names = {s.split(":")[1] for one in self.query.get("scope", []) for s in one.split() if s.count(":") >= 2}
        token = secrets.token_urlsafe(24)
        self.up.tokens[token] = (names, time.monotonic() + self.up.token_s)
        self.answer(200, {"Content-Type": "application/json"},
                    json.dumps({"token": token, "expires_in": self.up.token_s}).encode())

    # ---- what there is ----

    def respond(self, rule):
        if "status" in rule:
            return self.answer(rule["status"], rule.get("fields", {}), rule.get("body", "").encode(), rule)
        if self.kind == "echo":
            return self.answer(200, {"Content-Type": "text/plain"}, f"{self.requestline}\n{self.headers}".encode() +
                               self.request_body, rule)
        if self.kind == "token":
            return self.give_token()
        if self.kind == "other" or self.server.is_cdn != (self.kind == "cdn") or self.command == "POST":
            return self.error(404, "UNSUPPORTED")
        if self.kind != "cdn" and not self.may():
            return self.challenge()
        if "redirect" in rule or (self.kind, True) in (("blob", self.up.cdn), ("manifest", self.up.cdn_manifests)):
            to = rule.get("redirect", "cdn")
            to = self.up.cdn_url + f"/cdn/{self.name}/{self.reference}" if to == "cdn" else to
            return self.answer(rule.get("location_status", 307), {"Location": to}, b"elsewhere", rule)
        getattr(self, "get_" + self.kind)(rule)

    def get_ping(self, rule):
        self.answer(200, {"Docker-Distribution-Api-Version": "registry/2.0"}, b"{}", rule)

    def get_catalog(self, rule):
        self.answer(200, {}, json.dumps({"repositories": sorted(self.up.repositories)}).encode(), rule)

    def limits(self):
        """As Docker Hub: GET of a manifest counts, HEAD does not."""
        up = self.up
        if up.limit is None or self.kind != "manifest":
            return {}
        with up.lock:
            if self.command == "GET":
                if up.limit_remaining <= 0:
                    return None
                up.limit_remaining -= 1
            return {"ratelimit-limit": f"{up.limit};w=21600", "ratelimit-remaining": f"{up.limit_remaining};w=21600",
                    "docker-ratelimit-source": "192.0.2.1"}

    def get_manifest(self, rule):
        repository = self.up.repositories.get(self.name)
        if not repository:
            return self.error(404, "NAME_UNKNOWN")
        media_type, data = repository.manifests.get(repository.tags.get(self.reference, self.reference), (None, None))
        accept = ",".join(self.headers.get_all("Accept") or [])
        if data is None or (media_type not in accept and "*/*" not in accept):
            return self.error(404, "MANIFEST_UNKNOWN")
        limits = self.limits()
        if limits is None:
            return self.answer(429, {"Retry-After": "2"}, TOO_MANY["body"].encode())
        self.answer(200, {"Content-Type": media_type, "Docker-Content-Digest": sha256(data), **limits}, data, rule)

    def get_blob(self, rule):
        repository = self.up.repositories.get(self.name)
        data = repository and repository.blobs.get(self.reference)
        if data is None:
            return self.error(404, "BLOB_UNKNOWN")
        self.answer(200, {"Content-Type": "application/octet-stream", "Docker-Content-Digest": self.reference}, data, rule)

    def get_cdn(self, rule):
        """Not a registry: no API, no credentials wanted, manifests and blobs alike."""
        repository = self.up.repositories.get(self.name)
        if not repository:
            return self.error(404, "NAME_UNKNOWN")
        if self.reference in repository.blobs:
            return self.answer(200, {"Content-Type": "application/octet-stream"}, repository.blobs[self.reference], rule)
        self.get_manifest(rule)

    def get_tags(self, rule):
        repository = self.up.repositories.get(self.name)
        if not repository:
            return self.error(404, "NAME_UNKNOWN")
        last, n = self.query.get("last", [""])[0], int(self.query.get("n", ["1000"])[0])
        if "token" in self.query:
            last = self.query["token"][0].rpartition(".")[2]
        if self.up.tags_page is not None:
            last, n = (last, min(n, self.up.tags_page)) if self.up.tags_page else ("", 0)
        rest = [t for t in sorted(repository.tags) if t > last]
        if self.up.unsorted:  # as pushed, and `last` is a place in that order
            tags = list(repository.tags)
            rest = tags[tags.index(last) + 1:] if last in tags else tags
        fields = {"Content-Type": "application/json"}
        if len(rest) > n > 0:
            query = self.up.tags_query.format(n=n, last=rest[n - 1])
            fields["Link"] = self.up.tags_link.format(name=self.name, query=query)
        self.answer(200, fields, json.dumps({"name": self.name, "tags": rest[:n or None]}).encode(), rule)

    def get_referrers(self, rule):
        repository = self.up.repositories.get(self.name)
        found = []
        for digest, (media_type, data) in (repository.manifests.items() if repository else ()):
            manifest = json.loads(data)
            if manifest.get("subject", {}).get("digest") == self.reference:
                found.append({"mediaType": media_type, "digest": digest, "size": len(data),
                              "artifactType": manifest.get("artifactType", "")})
        self.answer(200, {"Content-Type": OCI_INDEX},
                    json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}).encode(), rule)


class Listening(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 200

    def __init__(self, up, port, tls, is_cdn=False, handler=Handler):
        self.up, self.tls, self.is_cdn = up, tls, is_cdn
        super().__init__((up.address, port), handler)
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    def get_request(self):
        connection, address = super().get_request()
        if self.tls:  # the handshake is made by the thread of the connection, with its first read
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request, address):
        pass

    def end(self):
        self.shutdown()
        self.server_close()
        self.thread.join()


class Repository:
    def __init__(self):
        self.blobs, self.manifests, self.tags = {}, {}, {}  # manifests: digest -> (media type, bytes)


class Upstream:
    """Public attributes may be changed while it runs."""

    def __init__(self, tls=True, auth="none", user=None, anonymous=None, cdn=False, cdn_manifests=False, cdn_tls=None,
                 ranges=True, limit=None, token_s=300, names="IP:127.0.0.1,DNS:localhost", address="127.0.0.1"):
        self.address = address
        self.auth = auth  # none, bearer, basic, both (two challenges in one field, as quay.io), two-fields
        self.user = user  # "name:password"
        self.unsorted = False  # the tags of lists
        self.tags_page = None  # the most tags on a page, whatever n says; 0: it knows no pages
        self.tags_query = "n={n}&last={last}"  # of a list's next page; a token ends in a dot and the last tag
        self.tags_link = '</v2/{name}/tags/list?{query}>; rel="next"'
        self.anonymous = user is None if anonymous is None else anonymous  # the token endpoint asks for no password
        self.realm = None  # of the token endpoint, when it is not ours
        self.cdn, self.cdn_manifests = cdn, cdn_manifests  # answered by a redirect to another port
        self.ranges = ranges
        self.limit = self.limit_remaining = limit  # pulls, as Docker Hub tells them
        self.token_s = token_s
        self.repositories, self.tokens, self.rules = {}, {}, []
        self.requests, self.bytes_sent, self.connections_made = collections.deque(maxlen=100000), 0, 0
        self.lock, self.connections = threading.Lock(), set()
        self.gate, self.closing = threading.Event(), threading.Event()
        self.directory = tempfile.mkdtemp(prefix="upstream-")
        self.ca, self.ca_pem, self.context = None, "", None
        if tls or cdn_tls:
            make_certificates(self.directory, names)
            self.ca = self.directory + "/ca.crt"
            with open(self.ca) as f:
                self.ca_pem = f.read()
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(self.directory + "/leaf.pem")
        self.is_tls, self.is_cdn_tls = tls, tls if cdn_tls is None else cdn_tls
        self.main = Listening(self, 0, self.context if tls else None)
        self.other = Listening(self, 0, self.context if self.is_cdn_tls else None, is_cdn=True)
        self.port, self.cdn_port = self.main.server_port, self.other.server_port
        self.host = f"{address}:{self.port}"
        self.url = f"http{'s' * self.is_tls}://{self.host}"
        self.cdn_url = f"http{'s' * self.is_cdn_tls}://{address}:{self.cdn_port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.closing.set()
        self.gate.set()
        self.vanish()
        self.other.end()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ---- content ----

    def repository(self, name):
        return self.repositories.setdefault(name, Repository())

    def add_blob(self, name, data):
        self.repository(name).blobs[sha256(data)] = data
        return sha256(data)

    def add_manifest(self, name, tag, manifest, media_type=None):
        """A dict or bytes; tag may be None. Returns its digest and bytes."""
        data = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        repository = self.repository(name)
        repository.manifests[sha256(data)] = (media_type or json.loads(data)["mediaType"], data)
        if tag:
            repository.tags[tag] = sha256(data)
        return sha256(data), data

    def add_image(self, name, tag, layers=(b"layer",), architecture="amd64", **more):
        config = json.dumps({"architecture": architecture, "os": "linux", "rootfs": {"type": "layers", "diff_ids": []}}).encode()
        for data in (config, *layers):
            self.add_blob(name, data)
        return self.add_manifest(name, tag, {
            "schemaVersion": 2, "mediaType": OCI_IMAGE,
            "config": {"mediaType": OCI_CONFIG, "digest": sha256(config), "size": len(config)},
            "layers": [{"mediaType": OCI_LAYER, "digest": sha256(d), "size": len(d)} for d in layers], **more})

    def add_index(self, name, tag, children):
        """children: (digest, bytes, architecture) of images."""
        return self.add_manifest(name, tag, {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [
            {"mediaType": OCI_IMAGE, "digest": digest, "size": len(data),
             "platform": {"os": "linux", "architecture": architecture}} for digest, data, architecture in children]})

    # ---- behaviour ----

    def behave(self, **rule):
        """For requests that agree in kind, method, name and reference, as far as given; the newest rule goes first."""
        unknown = set(rule) - WHEN - WHAT
        assert not unknown, f"no such behaviour: {unknown}"
        with self.lock:
            self.rules.insert(0, rule)

    def settle(self):
        """Behaves from now on, also where it holds bodies back."""
        with self.lock:
            self.rules.clear()
        self.release()

    def release(self):
        """Lets go on all that wait after `hold_after`."""
        self.gate.set()
        self.gate = threading.Event()
        if self.closing.is_set():
            self.gate.set()

    def take_rule(self, entry):
        with self.lock:
            for rule in self.rules:
                if all(entry[key] == rule[key] for key in WHEN & set(rule)):
                    if "times" in rule:
                        rule["times"] -= 1
                        if rule["times"] <= 0:
                            self.rules.remove(rule)
                    return dict(rule)
        return {}

    def wait(self, seconds):
        if self.closing.wait(seconds):
            raise Cut

    def vanish(self):
        """Nobody listens any more, and connections are cut."""
        if self.main:
            self.main.end()
        self.main = None
        with self.lock:
            for connection in self.connections:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def come_back(self):
        self.main = Listening(self, self.port, self.context if self.is_tls else None)

    # ---- what was asked ----

    def note(self, entry):
        with self.lock:
            self.requests.append(entry)

    def asked(self, **like):
        with self.lock:
            return [e for e in self.requests if all(e.get(key) == value for key, value in like.items())]

    def count(self, **like):
        return len(self.asked(**like))

    def leaks(self):
        """Requests that brought credentials to the CDN."""
        with self.lock:
            return sum(1 for e in self.requests if e["on"] == "cdn" and e["authorization"])

    def forget(self):
        with self.lock:
            self.requests.clear()
            self.connections_made = 0

    def counts(self):
        """{"GET blob": 3, "GET blob sha256:...": 1, ...}"""
        total = collections.Counter()
        with self.lock:
            for e in self.requests:
                total[f"{e['method']} {e['kind']}"] += 1
                if e["reference"]:
                    total[f"{e['method']} {e['kind']} {e['reference']}"] += 1
        total["leaks"], total["connections"] = self.leaks(), self.connections_made
        return dict(total)


# ---- the program ----

class Control(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, document):
        body = json.dumps(document, sort_keys=True).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.reply(200 if self.path == "/_counts" else 404, self.server.up.counts())

    def do_POST(self):
        up = self.server.up
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
        actions = {"/_behave": lambda: up.behave(**body), "/_settle": up.settle, "/_vanish": up.vanish,
                   "/_return": up.come_back, "/_release": up.release, "/_forget": up.forget}
        if self.path not in actions:
            return self.reply(404, {})
        try:
            actions[self.path]()
        except (AssertionError, TypeError) as wrong:
            return self.reply(400, {"error": str(wrong)})
        self.reply(200, {})


def main():
    p = argparse.ArgumentParser(description="A test registry that misbehaves on command.")
    p.add_argument("--plain", action="store_true", help="HTTP")
    p.add_argument("--auth", default="none", choices=["none", "bearer", "basic", "both", "two-fields"])
    p.add_argument("--user", help="NAME:PASSWORD")
    p.add_argument("--cdn", action="store_true", help="blobs are redirected to another port")
    p.add_argument("--cdn-plain", action="store_true", help="which speaks HTTP")
    p.add_argument("--names", default="IP:127.0.0.1,DNS:localhost", help="of the certificate")
    p.add_argument("--limit", type=int, help="pulls, as Docker Hub tells them")
    p.add_argument("image", nargs="*", help="NAME:TAG=BYTES[,BYTES...]: an image with layers of these sizes")
    o = p.parse_args()
    with Upstream(tls=not o.plain, auth=o.auth, user=o.user, cdn=o.cdn, cdn_tls=False if o.cdn_plain else None,
                  limit=o.limit, names=o.names) as up:
        control = Listening(up, 0, None, handler=Control)
        for key, value in (("url", up.url), ("cdn", up.cdn_url), ("ca", up.ca),
                           ("control", f"http://127.0.0.1:{control.server_port}")):
            print(key, value)
        for image in o.image:
            name, tag, sizes = re.fullmatch(r"(.+):([^:=]+)=([\d,]+)", image).groups()
            rng = random.Random(image)  # the same bytes every time
            layers = [rng.randbytes(int(n)) for n in sizes.split(",")]
            print("manifest", name, tag, up.add_image(name, tag, layers)[0])
            for data in layers:
                print("blob", name, sha256(data), len(data))
        print("ready", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            sys.stdin.read()
        control.end()


if __name__ == "__main__":
    main()
