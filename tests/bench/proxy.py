"""
Pull-through: cove's proxy namespace beside Distribution 3 as a pull-through cache, both in front of the same upstream (a
third registry, over TLS on loopback). Prints medians and ratios; nothing here passes or fails.

  scripts/bench proxy [--quick]
"""
import concurrent.futures, hashlib, os, re, shutil, socket, statistics, subprocess, sys, tempfile, time, urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import cove

QUICK = "--quick" in sys.argv
BLOB_MB = 16 if QUICK else 128
ROUNDS = 2 if QUICK else 5
MANY = 20


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Registry:
    """Distribution 3; with `upstream` a pull-through cache of it."""

    def __init__(self, name, directory, upstream=None):
        self.name, self.dir, self.port = name, f"{directory}/{name}", free_port()
        os.makedirs(self.dir)
        d = directory
        proxy = f"proxy: {{remoteurl: '{upstream.url}'}}\n" if upstream else ""
        with open(self.dir + "/config.yml", "w") as f:
            f.write(f"version: 0.1\nlog: {{level: error, accesslog: {{disabled: {'true' if upstream else 'false'}}}}}\n"
                    f"storage: {{filesystem: {{rootdirectory: {self.dir}/data}}, delete: {{enabled: true}}}}\n{proxy}"
                    f"http: {{addr: '127.0.0.1:{self.port}', tls: {{certificate: {d}/ca, key: {d}/key}}}}\n")
        self.log = open(self.dir + "/log", "wb")
        env = {k: v for k, v in os.environ.items() if not k.startswith("REGISTRY_")}
        self.process = subprocess.Popen([os.environ["REFERENCE"], "serve", self.dir + "/config.yml"], stdout=self.log, stderr=self.log,
                                        env={**env, "SSL_CERT_FILE": d + "/ca", "OTEL_TRACES_EXPORTER": "none"})
        self.url, self.ca, self.auth, self.prefix = f"https://127.0.0.1:{self.port}", d + "/ca", [], ""
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                time.sleep(0.01)

    def fetches(self, digest):
        self.log.flush()
        with open(self.dir + "/log", errors="replace") as f:
            return sum(1 for line in f if re.search(rf'"GET /v2/\S+/blobs/{digest} ', line))

    def refresh(self):
        pass

    def stop(self):
        self.process.terminate()
        self.process.wait()


class Cove:
    name, prefix = "cove", "up/"

    def __init__(self, directory, upstream):
        self.server = cove.Cove().start()
        with open(directory + "/ca") as f:
            self.server.command("namespace", "create", "up", "proxy", f"upstream={upstream.url}", "ca=" + f.read())
        self.url, self.ca = f"https://127.0.0.1:{self.server.port}", self.server.ca
        self.refresh()

    def refresh(self):
        scopes = ("repository:up/bench/app:pull", "repository:bench/app:pull,push")
        self.auth = ["-H", "Authorization: Bearer " + self.server.token(*scopes)]

    def stop(self):
        self.server.stop()


def curl(side, *args):
    done = subprocess.run(["curl", "-sS", "--fail", "--http1.1", "--cacert", side.ca, *side.auth, *args], capture_output=True)
    if done.returncode:
        raise SystemExit(f"{side.name}: curl {args}: {done.stderr.decode()}")
    return done.stdout.decode()


def upload(side, data, digest, work):
    with open(work + "/part", "wb") as f:
        f.write(data)
    head = curl(side, "-i", "-X", "POST", f"{side.url}/v2/bench/app/blobs/uploads/")
    location = urllib.parse.urljoin(side.url, re.search(r"(?im)^location: (\S+)", head).group(1))
    curl(side, "-X", "PUT", "-T", work + "/part", location + ("&" if "?" in location else "?") + "digest=" + digest)


def pull(side, digest, clients, repository=None):
    """MB/s of all together, and the slowest first byte in ms."""
    url = f"{side.url}/v2/{repository or side.prefix + 'bench/app'}/blobs/{digest}"
    begin = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        firsts = list(pool.map(lambda _: float(curl(side, "-o", "/dev/null", "-w", "%{time_starttransfer}", url)), range(clients)))
    return clients * BLOB_MB * 1.048576 / (time.monotonic() - begin), max(firsts) * 1000


def row(name, unit, ours, theirs, higher_is_better=True):
    a, b = statistics.median(ours), statistics.median(theirs)
    print(f"{name:44} {a:12.1f} {b:12.1f} {unit:8} {(a / b if higher_is_better else b / a) if a and b else 0:8.2f}x", flush=True)


def main():
    work = tempfile.mkdtemp(prefix="cove-bench-proxy-")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=bench",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", work + "/key", "-out", work + "/ca"], check=True, capture_output=True)
    upstream = Registry("upstream", work)
    sides = [Cove(work, upstream), Registry("cache", work, upstream)]
    figures = {}
    for clients in (1, MANY):
        for _ in range(ROUNDS):
            for side in sides:  # fresh content for each: nothing is in any cache
                data = os.urandom(64) + bytes(BLOB_MB << 20)
                digest = "sha256:" + hashlib.sha256(data).hexdigest()
                upload(upstream, data, digest, work)
                side.refresh()
                for state in ("cold", "warm"):
                    speed, first = pull(side, digest, clients)
                    figures.setdefault((state, clients, "speed"), {}).setdefault(side.name, []).append(speed)
                    figures.setdefault((state, clients, "first"), {}).setdefault(side.name, []).append(first)
                if side.name == "cove":  # the same bytes pushed here too, and both pulled when the disk has rest
                    upload(side, data, digest, work)
                    for kind, repository in (("cove", "bench/app"), ("warm", None)):
                        speed, _ = pull(side, digest, clients, repository)
                        figures.setdefault(("", clients, "hosted"), {}).setdefault(kind, []).append(speed)
                figures.setdefault(("", clients, "fetches"), {}).setdefault(side.name, []).append(upstream.fetches(digest))
    print(f"{'':44} {'cove':>12} {'reference':>12} {'':8} {'better':>9}   (medians of {ROUNDS}; blob {BLOB_MB} MB)")
    for (state, clients, what), by_side in figures.items():
        who = f"{clients} client{'s' if clients > 1 else ''}"
        if what == "speed":
            row(f"{state} pull through, {who}", "MB/s", by_side["cove"], by_side["cache"])
        elif what == "first":
            row(f"{state} first byte, slowest of {who}", "ms", by_side["cove"], by_side["cache"], False)
        elif what == "hosted":
            row(f"cove's warm beside hosted pull, {who}", "MB/s", by_side["warm"], by_side["cove"])
        else:
            row(f"upstream fetches of a blob, {who}", "", by_side["cove"], by_side["cache"], False)
    for s in [*sides, upstream]:
        s.stop()
    shutil.rmtree(work, ignore_errors=True)


main()
