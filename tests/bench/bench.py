"""
cove beside Distribution 3, built from its Go module: the same machine, the same run, in turns (A B A B ...), over TLS on
loopback. Prints each figure's median and the ratio, and what the server spent of the CPU for it, which other work on the
machine hardly changes; nothing here passes or fails. cove checks a token with every request; the reference runs without
authentication, its fastest way. Both have ECDSA P-256 certificates.

  scripts/bench [--quick]
"""
import concurrent.futures, hashlib, json, os, re, shutil, socket, ssl, statistics, subprocess, sys, tempfile, threading, time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import cove

QUICK = "--quick" in sys.argv
BLOB_MB = 64 if QUICK else 512
ROUNDS = 2 if QUICK else 5
SECONDS = 2 if QUICK else 5


def need(tool, package):
    if not shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin"):
        sys.exit(f"{tool} is missing: apt-get install --no-install-recommends {package}")


def rss_mb(pid):
    with open(f"/proc/{pid}/status") as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1)) / 1024


def cpu_s(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Side:
    """One of the two servers: where it is, its CA, its pid, the header that its requests carry."""

    def curl(self, *args):
        done = subprocess.run(["curl", "-sS", "--fail", "--http1.1", "--cacert", self.ca, *self.auth, *args], capture_output=True)
        if done.returncode:
            raise SystemExit(f"{self.name}: curl {args}: {done.stderr.decode()}")
        return done.stdout.decode()

    def upload(self, path, digest, repository="bench/app"):
        head = self.curl("-i", "-X", "POST", f"{self.url}/v2/{repository}/blobs/uploads/")
        location = re.search(r"(?im)^location: (\S+)", head).group(1)
        if location.startswith("/"):
            location = self.url + location
        location += ("&" if "?" in location else "?") + "digest=" + digest
        self.curl("-X", "PUT", "-H", "Content-Type: application/octet-stream", "-T", path, location)

    def push_manifest(self, size):
        config = b'{"architecture":"amd64","os":"linux"}'
        with open(self.dir + "/config", "wb") as f:
            f.write(config)
        self.upload(self.dir + "/config", cove.sha256(config))
        manifest = {"schemaVersion": 2, "mediaType": cove.OCI_IMAGE,
                    "config": cove.descriptor("application/vnd.oci.image.config.v1+json", cove.sha256(config), len(config)),
                    "layers": [cove.descriptor("application/vnd.oci.image.layer.v1.tar", self.digest, size)]}
        with open(self.dir + "/manifest", "w") as f:
            json.dump(manifest, f)
        self.curl("-X", "PUT", "-H", "Content-Type: " + cove.OCI_IMAGE, "-T", self.dir + "/manifest", f"{self.url}/v2/bench/app/manifests/v1")


class Ours(Side):
    name = "cove"

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="cove-bench-")
        self.start()

    def start(self):
        self.server = cove.Cove(data=self.dir) if not hasattr(self, "server") else self.server
        begin = time.monotonic()
        self.server.start()
        self.started_ms = (time.monotonic() - begin) * 1000
        self.pid, self.port, self.ca = self.server.process.pid, self.server.port, self.server.ca
        self.url = f"https://127.0.0.1:{self.port}"
        self.password = self.server.password or self.password
        self.server.password = self.password
        self.refresh()

    def refresh(self):
        """A token lives five minutes: a fresh one before each measurement."""
        self.header = "Authorization: Bearer " + self.server.token("repository:bench/app:pull,push", "repository:bench/new:pull,push")
        self.auth = ["-H", self.header]

    def stop(self):
        self.server.stop()

    size = os.path.getsize(cove.BINARY)


class Reference(Side):
    name = "Distribution 3"
    header = "X-None: 1"
    auth = []
    binary = os.environ.get("REFERENCE") or sys.exit("REFERENCE is not set: scripts/bench builds Distribution and names it")
    size = os.path.getsize(binary)

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="cove-bench-ref-")
        d = self.dir
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
                        "/CN=bench", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", d + "/key", "-out", d + "/ca"], check=True,
                       capture_output=True)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.port = s.getsockname()[1]
        with open(d + "/config.yml", "w") as f:
            f.write(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage: {{filesystem: {{rootdirectory: {d}/data}},"
                    f" cache: {{blobdescriptor: inmemory}}}}\nhttp: {{addr: '127.0.0.1:{self.port}', tls: {{certificate: {d}/ca, key: {d}/key}}}}\n")
        self.ca, self.url = d + "/ca", f"https://127.0.0.1:{self.port}"
        self.start()

    def start(self):
        begin = time.monotonic()
        env = {k: v for k, v in os.environ.items() if not k.startswith("REGISTRY_")} | {"OTEL_TRACES_EXPORTER": "none"}
        self.process = subprocess.Popen([self.binary, "serve", self.dir + "/config.yml"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL, env=env)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                break
            except OSError:
                time.sleep(0.002)
        self.started_ms = (time.monotonic() - begin) * 1000
        self.pid = self.process.pid

    def refresh(self):
        pass

    def stop(self):
        self.process.terminate()
        self.process.wait()


def pull(side, clients):
    side.refresh()
    url = f"{side.url}/v2/bench/app/blobs/{side.digest}"
    begin, spent = time.monotonic(), cpu_s(side.pid)
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda _: side.curl("-o", "/dev/null", url), range(clients)))
    seconds, gb = time.monotonic() - begin, clients * side.blob_size / 1e9
    return gb * 1000 / seconds, (cpu_s(side.pid) - spent) / gb


def push(side, clients, work):
    """Fresh content each time: nothing may be answered from what is there."""
    side.refresh()
    paths = []
    for i in range(clients):
        path = f"{work}/push{i}"
        with open(work + "/blob", "rb") as src, open(path, "wb") as out:
            out.write(os.urandom(64))
            shutil.copyfileobj(src, out, 1 << 20)
        h = hashlib.sha256()
        with open(path, "rb") as f:
            while block := f.read(1 << 20):
                h.update(block)
        paths.append((path, "sha256:" + h.hexdigest()))
    os.sync()
    begin, spent = time.monotonic(), cpu_s(side.pid)
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        list(pool.map(lambda p: side.upload(*p, repository="bench/new"), paths))
    seconds, gb = time.monotonic() - begin, clients * side.blob_size / 1e9
    spent = cpu_s(side.pid) - spent
    for path, _ in paths:
        os.unlink(path)
    return gb * 1000 / seconds, spent / gb


def heads(side, work):
    """HEAD of the same, by hey: wrk waits for the body that a HEAD's answer does not have."""
    side.refresh()
    spent = cpu_s(side.pid)
    out = subprocess.run(["hey", "-m", "HEAD", "-z", f"{SECONDS}s", "-c", "32", "-H", side.header, "-H", "Accept: " + cove.OCI_IMAGE,
                          f"{side.url}/v2/bench/app/manifests/v1"], capture_output=True, check=True).stdout.decode()
    statuses = out.split("Status code distribution:")[-1]
    if "[200]" not in statuses or re.search(r"\[[345]\d\d\]", statuses):
        raise SystemExit(f"{side.name}: {out}")
    count = sum(int(n) for n in re.findall(r"\[\d+\]\s+(\d+) responses", statuses))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), (cpu_s(side.pid) - spent) * 1e6 / count


def requests(side, method, work):
    """GET or HEAD of a manifest by tag on 32 kept connections."""
    side.refresh()
    script = f"{work}/wrk.lua"
    name, value = side.header.split(": ", 1)
    with open(script, "w") as f:
        # the reference answers 404 to who does not accept OCI types
        f.write(f'wrk.method = "{method}"\nwrk.headers["{name}"] = "{value}"\nwrk.headers["Accept"] = "{cove.OCI_IMAGE}"\n')
    spent = cpu_s(side.pid)
    out = subprocess.run(["wrk", "-t1", "-c32", f"-d{SECONDS}s", "-s", script, f"{side.url}/v2/bench/app/manifests/v1"],
                         capture_output=True, check=True).stdout.decode()
    if "Non-2xx" in out:
        raise SystemExit(f"{side.name}: {out}")
    count = int(re.search(r"(\d+) requests in", out).group(1))
    return float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)), (cpu_s(side.pid) - spent) * 1e6 / count


def handshakes(side):
    """Full handshakes per second, one after the other from one client process; TLS 1.3, no resumption."""
    context = ssl.create_default_context(cafile=side.ca)
    spent = cpu_s(side.pid)
    count, end, begin = 0, time.monotonic() + SECONDS, time.monotonic()
    while time.monotonic() < end:
        with socket.create_connection(("127.0.0.1", side.port)) as raw:
            context.wrap_socket(raw, server_hostname="127.0.0.1").close()
        count += 1
    return count / (time.monotonic() - begin), (cpu_s(side.pid) - spent) * 1e6 / count


def idle_connections(side, count=2000):
    context = ssl.create_default_context(cafile=side.ca)
    before = rss_mb(side.pid)
    sockets = []
    for _ in range(count):
        raw = socket.create_connection(("127.0.0.1", side.port))
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        s = context.wrap_socket(raw, server_hostname="127.0.0.1")
        s.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        s.recv(1 << 16)
        sockets.append(s)
    after = rss_mb(side.pid)
    for s in sockets:
        s.close()
    return before, after


class PeakRss(threading.Thread):
    """The highest RSS of both servers while the load runs."""

    def __init__(self, sides):
        super().__init__(daemon=True)
        self.sides, self.peak, self.done = sides, [0.0, 0.0], threading.Event()

    def run(self):
        while not self.done.wait(0.05):
            for i, s in enumerate(self.sides):
                self.peak[i] = max(self.peak[i], rss_mb(s.pid))


def row(name, unit, values, higher_is_better=True):
    a, b = (statistics.median(v) for v in values)
    ratio = (a / b if higher_is_better else b / a) if a and b else 0
    print(f"{name:44} {a:12.2f} {b:14.2f} {unit:8} {ratio:8.2f}x", flush=True)


def main():
    for tool, package in (("curl", "curl"), ("wrk", "wrk"), ("hey", "hey"), ("openssl", "openssl")):
        need(tool, package)
    work = tempfile.mkdtemp(prefix="cove-bench-work-")
    sides = [Ours(), Reference()]
    print(f"{'':44} {'cove':>12} {Reference.name:>14} {'':8} {'better':>9}   (medians of {ROUNDS}; blob {BLOB_MB} MB)")
    row("binary", "MB", [[s.size / 1e6] for s in sides], False)
    row("RSS idle", "MB", [[rss_mb(s.pid)] for s in sides], False)
    with open(work + "/blob", "wb") as f:
        for _ in range(BLOB_MB):
            f.write(os.urandom(1 << 20))
    with open(work + "/blob", "rb") as f:
        digest = "sha256:" + hashlib.file_digest(f, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else cove.sha256(f.read())
    for s in sides:
        s.digest, s.blob_size = digest, BLOB_MB << 20
        s.upload(work + "/blob", digest)
        s.push_manifest(s.blob_size)
    per_gb, per_request = ("s", "server CPU per GB"), ("us", "server CPU each")
    table = [("pull, 1 client", "MB/s", per_gb, lambda s: pull(s, 1)), ("pull, 8 clients", "MB/s", per_gb, lambda s: pull(s, 8)),
             ("push, 1 client", "MB/s", per_gb, lambda s: push(s, 1, work)),
             ("GET manifest, 32 kept connections", "req/s", per_request, lambda s: requests(s, "GET", work)),
             ("HEAD manifest, 32 kept connections", "req/s", per_request, lambda s: heads(s, work)),
             ("full TLS 1.3 handshakes, 1 client", "/s", per_request, handshakes),
             ("push, %d clients (once)" % (2 if QUICK else 8), "MB/s", per_gb, lambda s: push(s, 2 if QUICK else 8, work))]
    peak = PeakRss(sides)
    peak.start()
    for name, unit, (cpu_unit, cpu_name), measure in table:
        values = [[], []]
        for _ in range(1 if "once" in name else ROUNDS):
            for i, s in enumerate(sides):
                values[i].append(measure(s))
        row(name, unit, [[rate for rate, _ in v] for v in values])
        row("  " + cpu_name, cpu_unit, [[cpu for _, cpu in v] for v in values], False)
    peak.done.set()
    moved = ROUNDS * 9 * BLOB_MB * 1.048576 / 1000, (ROUNDS + (2 if QUICK else 8)) * BLOB_MB * 1.048576 / 1000
    row(f"RSS peak over {moved[0]:.0f} GB out, {moved[1]:.0f} GB in", "MB", [[p] for p in peak.peak], False)
    row("RSS after load", "MB", [[rss_mb(s.pid)] for s in sides], False)
    memory = [idle_connections(s) for s in sides]
    row("RSS with 2,000 idle TLS connections", "MB", [[m[1]] for m in memory], False)
    row("  of it per connection", "KB", [[(m[1] - m[0]) * 1024 / 2000] for m in memory], False)
    starts = [[], []]
    for _ in range(ROUNDS):
        for i, s in enumerate(sides):
            s.stop()
            s.start()
            starts[i].append(s.started_ms)
    row("warm start to ready", "ms", starts, False)
    for s in sides:
        s.stop()
        shutil.rmtree(s.dir, ignore_errors=True)
    shutil.rmtree(work, ignore_errors=True)


main()
