"""A real cove in a directory of its own, raw HTTP over real TLS, and small images. Standard library only."""
import atexit, base64, concurrent.futures, glob, gzip, hashlib, io, json, os, re, shutil, signal, socket, ssl, subprocess
import sys, tarfile, tempfile, time, unittest, urllib.parse

BINARY = os.environ.get("COVE_BINARY") or sys.exit("COVE_BINARY is not set: name the cove to test")
BINARY = os.path.abspath(BINARY)


def sha256(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def sha512(data):
    return "sha512:" + hashlib.sha512(data).hexdigest()


class Cove:
    """One server. Always stopped at the end of the process; a crash or a sanitizer report fails the stop."""

    def __init__(self, *flags, data=None, host="127.0.0.1", port=0):
        self.own_data = data is None
        self.data = data or tempfile.mkdtemp(prefix="cove-test-")
        self.flags, self.host, self.port, self.process = list(flags), host, port, None
        self.password = None
        atexit.register(self.destroy)

    def start(self):
        self.log_path = os.path.join(self.data, "test.log")
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "serve", "--data", self.data, "--listen", f"{self.host}:{self.port}", *self.flags],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
        self.console = b""
        # the first start says much more than the later ones
        last = b"cove is ready" if os.path.exists(os.path.join(self.data, "test.started")) else b"docker push"
        while last not in self.console or not self.console.endswith(b"\n"):
            line = self.process.stdout.readline()
            if not line:
                raise AssertionError("cove did not start:\n" + self.read_log())
            self.console += line
            if b"cove is ready" in line:
                self.port = int(re.search(rb":(\d+)$", line.strip()).group(1))
        open(os.path.join(self.data, "test.started"), "w").close()
        found = re.search(rb"password +(\S+)", self.console)
        if found:
            self.password = found.group(1).decode()
        self.ca = os.path.join(self.data, "tls", "ca.crt")
        return self

    def read_log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process = None

    def stop(self):
        """SIGTERM; returns the exit status. Sanitizers' reports end in a status of their own."""
        if not self.process:
            return 0
        self.process.send_signal(signal.SIGTERM)
        try:
            status = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError("cove did not stop within 60 s of SIGTERM\n" + self.read_log()[-4000:])
        self.process.stdout.close()
        self.process = None
        return status

    def destroy(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None
        if self.own_data:
            shutil.rmtree(self.data, ignore_errors=True)

    def command(self, *args, stdin=b"", status=0):
        """cove ARGS --data DIR; returns stdout."""
        done = subprocess.run([BINARY, *args, "--data", self.data], input=stdin, capture_output=True, timeout=120)
        if done.returncode != status:
            raise AssertionError(f"cove {args}: status {done.returncode}, wanted {status}\n{done.stdout!r}\n{done.stderr!r}")
        return done.stdout.decode() + (done.stderr.decode() if status else "")

    def tls(self, timeout=30, **settings):
        context = ssl.create_default_context(cafile=self.ca)
        for name, value in settings.items():
            setattr(context, name, value)
        raw = socket.create_connection((self.host, self.port), timeout=timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return context.wrap_socket(raw, server_hostname=self.host)

    def basic(self, user="admin", password=None):
        pair = f"{user}:{password or self.password}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def token(self, *scopes, user="admin", password=None, anonymous=False):
        query = [("service", "cove")] + [("scope", s) for s in scopes]
        headers = {} if anonymous else {"Authorization": self.basic(user, password)}
        r = Client(self).request("GET", "/token?" + urllib.parse.urlencode(query), headers=headers)
        assert r.status == 200, (r.status, r.body)
        return r.json()["token"]

    def client(self, *scopes, **who):
        """A connection whose requests carry a token for these scopes."""
        c = Client(self)
        c.auth = "Bearer " + self.token(*scopes, **who)
        return c

    def rss_kb(self):
        with open(f"/proc/{self.process.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Listener(Cove):
    """Another port of a running server; for Client, Raw and the tokens that are fetched there."""

    def __init__(self, cove, port, plain=False):
        self.__dict__.update(cove.__dict__)
        self.port, self.plain = port, plain

    def tls(self, timeout=30, **settings):
        if not self.plain:
            return super().tls(timeout, **settings)
        raw = socket.create_connection((self.host, self.port), timeout=timeout)
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return raw

    def is_open(self):
        try:
            socket.create_connection((self.host, self.port), timeout=5).close()
            return True
        except OSError:
            return False

    def wait(self, is_open=True):
        eventually(lambda: self.is_open() == is_open, f"port {self.port} open: {is_open}")
        return self


def eventually(condition, what, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it never came to this: " + what)
        time.sleep(0.05)


class Response:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def __getitem__(self, name):
        values = [v for n, v in self.fields if n.lower() == name.lower()]
        return values[0] if values else None

    def all(self, name):
        return [v for n, v in self.fields if n.lower() == name.lower()]

    def json(self):
        return json.loads(self.body)

    def code(self):
        return self.json()["errors"][0]["code"]

    def message(self):
        return self.json()["errors"][0]["message"]


class Raw:
    """One TLS connection: bytes out, responses in."""

    def __init__(self, cove, sock=None, timeout=30):
        self.sock = sock or cove.tls(timeout)
        self.pending = b""

    def send(self, data):
        self.sock.sendall(data)

    def _more(self):
        data = self.sock.recv(1 << 16)
        if not data:
            raise ConnectionError("the server closed the connection")
        self.pending += data

    def response(self, head=False):
        while b"\r\n\r\n" not in self.pending:
            self._more()
        text, self.pending = self.pending.split(b"\r\n\r\n", 1)
        lines = text.decode("latin-1").split("\r\n")
        version, status, _ = lines[0].split(" ", 2)
        assert version == "HTTP/1.1", version
        fields = [tuple(line.split(": ", 1)) for line in lines[1:]]
        r = Response(int(status), fields, b"")
        if head or r.status in (204, 304) or r.status < 200:
            return r
        if r["Transfer-Encoding"] == "chunked":  # an upstream's blob without a length; every other reply of ours has one
            size = None
            while size != 0:
                while b"\r\n" not in self.pending:
                    self._more()
                line, self.pending = self.pending.split(b"\r\n", 1)
                size = int(line, 16)
                chunk = self.take(size + 2)
                assert chunk.endswith(b"\r\n"), chunk[-10:]
                r.body += chunk[:-2]
        else:
            r.body = self.take(int(r["Content-Length"]))
        return r

    def take(self, n):
        while len(self.pending) < n:
            self._more()
        taken, self.pending = self.pending[:n], self.pending[n:]
        return taken

    def closed(self):
        """True when the server ends the connection without another byte."""
        try:
            return not self.pending and self.sock.recv(1) == b""
        except (ConnectionError, ssl.SSLError):
            return True

    def close(self):
        self.sock.close()


class Client:
    """Requests one by one on a kept connection; a new one where the server closed it."""

    def __init__(self, cove):
        self.cove, self.auth, self.raw = cove, None, None

    def request(self, method, target, body=None, headers=None, chunked=False):
        fields = {"Host": f"{self.cove.host}:{self.cove.port}"}
        if self.auth:
            fields["Authorization"] = self.auth
        if chunked:
            fields["Transfer-Encoding"] = "chunked"
        elif body is not None or method in ("POST", "PUT", "PATCH"):
            fields["Content-Length"] = str(len(body or b""))
        fields.update(headers or {})
        head = f"{method} {target} HTTP/1.1\r\n" + "".join(f"{n}: {v}\r\n" for n, v in fields.items() if v is not None) + "\r\n"
        data = body or b""
        if chunked:
            data = b"".join(b"%x\r\n%s\r\n" % (len(p), p) for p in (data[i:i + 7000] for i in range(0, len(data), 7000)))
            data += b"0\r\n\r\n"
        for attempt in (0, 1):
            if not self.raw:
                self.raw = Raw(self.cove)
            try:
                self.raw.send(head.encode("latin-1") + data)
                r = self.raw.response(head=method == "HEAD")
                break
            except (ConnectionError, ssl.SSLError, OSError):
                self.close()
                if attempt:
                    raise
        if r["Connection"] == "close":
            self.close()
        return r

    def close(self):
        if self.raw:
            self.raw.close()
        self.raw = None

    def push_blob(self, name, data, digest=None):
        digest = digest or sha256(data)
        r = self.request("POST", f"/v2/{name}/blobs/uploads/")
        assert r.status == 202, (r.status, r.body)
        r = self.request("PUT", add_digest(r["Location"], digest), data)
        assert r.status == 201, (r.status, r.body)
        return digest

    def push_manifest(self, name, reference, manifest, media_type=None):
        data = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
        media_type = media_type or json.loads(data).get("mediaType")
        r = self.request("PUT", f"/v2/{name}/manifests/{reference}", data, {"Content-Type": media_type})
        return r, data

    def push_image(self, name, tag, layers=(b"layer",), **more):
        config = self.push_blob(name, json.dumps({"architecture": "amd64", "os": "linux"}).encode())
        manifest = image([self.push_blob(name, d) for d in layers], [len(d) for d in layers], config, **more)
        r, data = self.push_manifest(name, tag, manifest)
        assert r.status == 201, (r.status, r.body)
        return sha256(data), data


def add_digest(location, digest):
    return location + ("&" if "?" in location else "?") + "digest=" + urllib.parse.quote(digest)


OCI_IMAGE = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
CONFIG = json.dumps({"architecture": "amd64", "os": "linux"}).encode()


def descriptor(media_type, digest, size, **more):
    return {"mediaType": media_type, "digest": digest, "size": size, **more}


def image(digests, sizes, config=None, **more):
    return {"schemaVersion": 2, "mediaType": OCI_IMAGE,
            "config": descriptor("application/vnd.oci.image.config.v1+json", config or sha256(CONFIG), len(CONFIG)),
            "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", d, s) for d, s in zip(digests, sizes)], **more}


def index(children, **more):
    return {"schemaVersion": 2, "mediaType": OCI_INDEX,
            "manifests": [descriptor(OCI_IMAGE, sha256(c), len(c)) for c in children], **more}


class Case(unittest.TestCase):
    """Each test class has one server; its log is shown when the server did not stop cleanly."""
    flags = ()

    @classmethod
    def setUpClass(cls):
        cls.cove = Cove(*cls.flags).start()

    @classmethod
    def tearDownClass(cls):
        log_path = cls.cove.log_path
        status = cls.cove.stop()
        with open(log_path, errors="replace") as f:
            log = f.read()
        cls.cove.destroy()
        if status or "ERROR: AddressSanitizer" in log or "runtime error:" in log or "ERROR: LeakSanitizer" in log:
            raise AssertionError(f"cove ended with status {status}:\n{log[-6000:]}")


def run_here(directory, patterns):
    suite = unittest.TestSuite(unittest.TestLoader().discover(directory, pattern=p) for p in patterns)
    result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout).run(suite)
    failed = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses) + len(result.skipped)
    return max(result.testsRun - failed, 0), failed if result.testsRun else 1


def run_apart(path):
    """One file in a process of its own: its counts, and what it printed. A process that dies without a count has failed."""
    done = subprocess.run([sys.executable, os.path.join(os.path.dirname(path), "run"), os.path.basename(path)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, errors="replace")
    found = re.search(r"^(\d+) passed, (\d+) failed\n\Z", done.stdout, re.M)
    good, bad = (int(n) for n in found.groups()) if found else (0, 1)
    return good, bad or int(done.returncode != 0), done.stdout[:found.start()] if found else done.stdout


def main(directory, first=()):
    """Runs every test_*.py beside the caller, or those named: one file in this process, several side by side. They mostly wait,
    so two share a core. What they print is shown in order, those of `first` before the others: the first failure is the most
    basic. The closing line is what the whole run adds up."""
    files = sorted({p for pattern in sys.argv[1:] or ["test_*.py"] for p in glob.glob(os.path.join(directory, pattern))})
    missing = [name for name in first if not os.path.exists(os.path.join(directory, name))]
    if missing or not files:
        sys.exit(f"no such test file: {' '.join(missing or sys.argv[1:])}")
    rank = {name: i for i, name in enumerate(first)}
    files.sort(key=lambda path: rank.get(os.path.basename(path), len(rank)))
    if len(files) == 1:
        passed, failed = run_here(directory, [os.path.basename(files[0])])
    else:
        passed = failed = 0
        with concurrent.futures.ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
            for path, (good, bad, output) in zip(files, pool.map(run_apart, files)):
                print(f"---- {os.path.basename(path)}: {good} passed, {bad} failed\n{output}", flush=True)
                passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
